"""Texts to token ids without transformers: the model's own tokenizer.json, read by the tokenizers library."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from vectune.encode.tokenised import Tokenised
from vectune.encode.tokens import Tokens
from vectune.errors import ModelError


class TextTokens:
    """Owns a tokenizer. Gives the ids that the model was trained on, cut at `max_tokens`."""

    def __init__(
        self, file: Path, max_tokens: int, side: Literal["left", "right"] = "right", *, lower_case: bool = False
    ) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(file))
            self._counter = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises Exception itself
            raise ModelError(f"{file} can't be read as a tokenizer.", "Export the model again.") from error
        for tokenizer in (self._tokenizer, self._counter):
            tokenizer.no_padding()
            tokenizer.no_truncation()
        self._tokenizer.enable_truncation(max_tokens, direction=side)
        self._limit = max_tokens
        self._added = self._tokenizer.num_special_tokens_to_add(False)
        self._lower_case = lower_case

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """The ids of `texts`, special tokens included, in one call that uses every core."""
        return _packed(self._tokenizer.encode_batch_fast(self._cased(texts)))

    def read(self, texts: Sequence[str]) -> Tokenised:
        """The ids of `texts`, and the tokens of each before any cut, from one pass.

        What was cut off comes back in parts, each with special tokens of its own, which are not counted.
        """
        encodings = self._tokenizer.encode_batch_fast(self._cased(texts))
        tokens = _packed(encodings)
        counts = tokens.lengths
        if counts.max(initial=0) >= self._limit:
            for place in np.flatnonzero(counts >= self._limit):
                counts[place] += sum(len(part.ids) - self._added for part in encodings[place].overflowing)
        return Tokenised(counts, tokens)

    def count(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text before any cut, special tokens included: int64 [len(texts)]."""
        encodings = self._counter.encode_batch_fast(self._cased(texts))
        return np.array([len(encoding.ids) for encoding in encodings], dtype=np.int64)

    def _cased(self, texts: Sequence[str]) -> list[str]:
        return [text.lower() for text in texts] if self._lower_case else list(texts)


def _packed(encodings: Sequence[Encoding]) -> Tokens:
    """Their ids as Tokens: an array a text, since going through every id in Python takes longer."""
    arrays = [np.array(encoding.ids, dtype=np.int32) for encoding in encodings]
    offsets = np.array([0, *accumulate(map(len, arrays))], dtype=np.int64)
    flat = np.concatenate(arrays) if arrays else np.zeros(0, np.int32)
    return Tokens(flat, offsets, np.zeros(len(arrays), dtype=np.int64))
