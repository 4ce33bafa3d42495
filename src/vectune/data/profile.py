"""What the texts look like: their lengths, their languages, and how many of them a model would cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CountTokens = Callable[[Sequence[str]], NDArray[np.int64]]
"""Tokens of each text before any cut, special tokens included."""


@dataclass(frozen=True)
class Limits:
    """Who counts tokens, and how many of a text the model sees; without both, no text counts as cut."""

    count_tokens: CountTokens | None = None
    max_tokens: int | None = None


@dataclass(frozen=True)
class Lengths:
    """Words of a text (a Chinese, Japanese or Korean character is one): smallest, middle, 95th percentile, largest."""

    min: int
    median: float
    p95: float
    max: int


@dataclass(frozen=True)
class Profile:
    """Lengths by side ("query" and "document", or "text"), language shares, and shares of texts cut, by side.

    Languages are of a sample of at most 1,000 texts of 20 characters or more; `truncated` is of a sample of at most
    2,000 texts a side, and None when no model was given.
    """

    lengths: Mapping[str, Lengths]
    languages: Mapping[str, float]
    truncated: Mapping[str, float] | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def lengths_of(words: NDArray[np.int64]) -> Lengths:
    """The profile of word counts int64 [n]; zeros without texts."""
    if not len(words):
        return Lengths(0, 0.0, 0.0, 0)
    median, p95 = np.percentile(words, (50, 95))
    return Lengths(int(words.min()), float(median), float(p95), int(words.max()))


def truncated_shares(samples: Mapping[str, Sequence[str]], limits: Limits) -> dict[str, float] | None:
    """Share of each side's texts, 0 to 1, that the model would cut; None when the limits name no model."""
    if limits.count_tokens is None or limits.max_tokens is None:
        return None
    counts = {name: limits.count_tokens(texts) for name, texts in samples.items() if texts}
    return {name: float(np.mean(tokens > limits.max_tokens)) for name, tokens in counts.items()}
