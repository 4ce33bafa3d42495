"""Texts of the serving benchmarks: short queries and documents of about 150 words, no two requests alike."""

from __future__ import annotations

import json
import random
from typing import Literal

Kind = Literal["queries", "documents"]
QUERY_WORDS, DOCUMENT_WORDS = (6, 20), (100, 200)


def texts(kind: Kind) -> list[str]:
    """Questions, or passages, of the standard library's documentation."""
    from vectune.data.stdlib_docs import stdlib_pairs

    low, high = QUERY_WORDS if kind == "queries" else DOCUMENT_WORDS
    found = [pair.anchor if kind == "queries" else pair.positives[0] for pair in stdlib_pairs()]
    return list(dict.fromkeys(text for text in found if low <= len(text.split()) <= high))


def bodies(kind: Kind, count: int, model: str, seed: int = 0) -> list[str]:
    """`count` requests for one text each, as the official client sends them; a number makes each text another."""
    draw = random.Random(f"{kind} {seed}")
    known = texts(kind)

    def body(number: int) -> str:
        text = f"{known[draw.randrange(len(known))]} {seed}{number:06d}"
        return json.dumps({"input": text, "model": model, "encoding_format": "base64"})

    return [body(number) for number in range(count)]
