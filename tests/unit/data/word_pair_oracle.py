"""Word pairs and their Jaccard the slow and obvious way, for texts of plain words."""

from __future__ import annotations

from itertools import pairwise


def pairs_of(text: str) -> set[tuple[str, str]]:
    words = ["<start>", *text.split(), "<end>"]
    return set(pairwise(words))


def jaccard(one: str, other: str) -> float:
    left, right = pairs_of(one), pairs_of(other)
    return len(left & right) / len(left | right)
