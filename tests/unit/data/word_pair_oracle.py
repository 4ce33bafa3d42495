"""Word pairs and their Jaccard the slow and obvious way, for texts of plain words."""

from __future__ import annotations


def pairs_of(text: str) -> set[tuple[str, str]]:
    words = ["<start>", *text.split(), "<end>"]
    return set(zip(words[:-1], words[1:], strict=True))


def jaccard(one: str, other: str) -> float:
    left, right = pairs_of(one), pairs_of(other)
    return len(left & right) / len(left | right)
