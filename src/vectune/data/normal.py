"""What "the same text" means everywhere in vectune."""

from __future__ import annotations

import unicodedata
from hashlib import blake2b


def normal(text: str) -> str:
    """`text` in Unicode NFKC, case folded, with each run of white space as one space and none at the ends."""
    if text.isascii():  # NFKC leaves ASCII as it is, and lower() folds it
        return " ".join(text.lower().split())
    # Folding can undo the composed form (and composing can bring capitals back), so compose, fold, compose.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


def text_key(text: str) -> int:
    """64-bit BLAKE2b hash of `normal(text)`, 0 to 2**64 - 1: equal for equal texts, and the same on every machine."""
    return int.from_bytes(blake2b(normal(text).encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
