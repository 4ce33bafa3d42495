"""Units that stand for the same thing, which chance draws and swaps together: phrasings of one question are one trial.

Cameron, Gelbach and Miller, Bootstrap-based improvements for inference with clustered errors (Review of Economics and
Statistics, 2008).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vectune.data.disjoint_sets import DisjointSets
from vectune.data.normal import text_key


@dataclass(frozen=True)
class Clusters:
    """The cluster of each unit: `of_unit` int64 [n], numbered from 0 without a gap. `len()` counts the clusters."""

    of_unit: NDArray[np.int64]

    @classmethod
    def single(cls, count: int) -> Clusters:
        """`count` units, each a cluster of its own."""
        return cls(np.arange(count, dtype=np.int64))

    def __len__(self) -> int:
        return int(self.of_unit.max(initial=-1)) + 1

    @property
    def sizes(self) -> NDArray[np.float64]:
        """How many units each cluster has: float64 [clusters]."""
        return np.bincount(self.of_unit).astype(np.float64)

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of `values` [n] in each cluster: float64 [clusters]; `values` itself where each unit is one."""
        return np.asarray(np.bincount(self.of_unit, weights=values), dtype=np.float64)

    def only(self, chosen: NDArray[np.bool_]) -> Clusters:
        """The clusters of the chosen units, numbered anew in the same order."""
        return Clusters(_numbered(self.of_unit[chosen]))


def clusters_of(texts: Iterable[Sequence[str]]) -> NDArray[np.int64]:
    """The cluster of each unit by the texts that it holds: int64 [n], numbered in the order of their first units.

    Units that hold an equal text (`data.normal`) are in one cluster, and so are those that only a chain of such units
    ties to each other.
    """
    keys = [[text_key(text) for text in held] for held in texts]
    sets, first = DisjointSets(len(keys)), dict[int, int]()
    for unit, held in enumerate(keys):
        for key in held:
            sets.join(unit, first.setdefault(key, unit))
    return _numbered(sets.roots())


def _numbered(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(np.unique(labels, return_inverse=True)[1], dtype=np.int64)
