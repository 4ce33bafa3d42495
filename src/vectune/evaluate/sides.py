"""The two sides of a task and how they are matched: by vectors, or by words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vectune.encode.dims import truncate
from vectune.encode.encoder import Encoder, Vectors
from vectune.errors import ModelError
from vectune.monitor.progress import Progress
from vectune.records import Role
from vectune.search.bm25 import BM25
from vectune.search.exact import top_k

_ROWS = 8192


@dataclass(frozen=True)
class Sides:
    """`left` texts look for `right` texts: queries for documents, first for second, texts for labelled texts."""

    left: Sequence[str]
    right: Sequence[str]
    left_role: Role = Role.DOCUMENT
    right_role: Role = Role.DOCUMENT


class Matcher(Protocol):
    """Says how well left texts and right texts match."""

    @property
    def floor(self) -> float:
        """A right text counts as found only with a score above this."""

    @property
    def vectors(self) -> tuple[Vectors, Vectors] | None:
        """Vectors of the left and of the right texts; None when there are none."""

    def top_k(self, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k best right texts for each left text: scores and indices [L, k]; k is cut to the right side."""

    def scores_of(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float32]:
        """The score of left text `left[i]` with right text `right[i]`: float32 [n]."""


class VectorMatcher:
    """Matches by cosine of vectors of norm 1."""

    floor = -np.inf

    def __init__(self, left: Vectors, right: Vectors) -> None:
        self.vectors: tuple[Vectors, Vectors] | None = (left, right)
        self._left, self._right = left, right

    def top_k(self, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k nearest right vectors of each left vector."""
        return top_k(self._left, self._right, k)

    def scores_of(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float32]:
        """The cosine of each named pair."""
        starts = range(0, len(left), _ROWS)  # in parts: gathered copies of all pairs would not fit at a million
        parts = [
            np.einsum("ij,ij->i", self._left[left[s : s + _ROWS]], self._right[right[s : s + _ROWS]]) for s in starts
        ]
        return np.concatenate([np.zeros(0, dtype=np.float32), *parts])

    def cut(self, dim: int) -> VectorMatcher:
        """The same texts with the first `dim` values of each vector, normalised again."""
        if dim == self._left.shape[1]:
            return self
        return VectorMatcher(truncate(self._left, dim), truncate(self._right, dim))


class WordMatcher:
    """Matches by BM25 over the right texts. What shares no word is not found."""

    floor = 0.0
    vectors: tuple[Vectors, Vectors] | None = None

    def __init__(self, sides: Sides) -> None:
        self._left = sides.left
        self._index = BM25(sides.right)

    def top_k(self, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k best right texts of each left text by BM25."""
        return self._index.top_k(self._left, k)

    def scores_of(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float32]:
        """The BM25 score of each named pair."""
        return self._index.scores_of([self._left[i] for i in left], right)


def encode_sides(encoder: Encoder, sides: Sides, progress: Progress) -> VectorMatcher:
    """Encode every distinct text once a role; ModelError if a value is not finite."""
    tables = _distinct(sides)
    progress.stage(f"judge {encoder.name}", total=sum(len(places) for places in tables.values()))
    # Documents first: they take the most, so that what is done of them tells soonest how long all will take.
    roles = sorted(tables, key=lambda role: role is Role.QUERY)
    vectors = {role: _encode(encoder, list(tables[role]), role, progress) for role in roles}

    def gather(texts: Sequence[str], role: Role) -> Vectors:
        if list(tables[role]) == list(texts):
            return vectors[role]
        return vectors[role][np.array([tables[role][text] for text in texts], dtype=np.int64)]

    return VectorMatcher(gather(sides.left, sides.left_role), gather(sides.right, sides.right_role))


def _distinct(sides: Sides) -> dict[Role, dict[str, int]]:
    """The distinct texts of each role with their places."""
    tables: dict[Role, dict[str, int]] = {}
    for texts, role in ((sides.left, sides.left_role), (sides.right, sides.right_role)):
        table = tables.setdefault(role, {})
        for text in texts:
            table.setdefault(text, len(table))
    return tables


def _encode(encoder: Encoder, texts: list[str], role: Role, progress: Progress) -> Vectors:
    vectors = encoder.encode(texts, role, progress) if texts else np.zeros((0, encoder.dim), dtype=np.float32)
    if not np.isfinite(vectors).all():
        raise ModelError(
            f"model {encoder.name} gave vectors that are not finite",
            hint="check its weights; a model that was just trained needs a lower learning rate",
        )
    return vectors
