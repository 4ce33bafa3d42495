"""Union-find over numbers 0..n-1 (Tarjan, 1975), with all roots at hand as an array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class DisjointSets:
    """Sets that can only grow together; the root of a set is its smallest member."""

    def __init__(self, count: int) -> None:
        self._parent = np.arange(count, dtype=np.int64)

    def roots(self) -> NDArray[np.int64]:
        """The root of every number: int64 [n]; equal roots mean one set. A view that the next join outdates."""
        while True:
            further = self._parent[self._parent]
            if np.array_equal(further, self._parent):
                return self._parent
            self._parent = further

    def find(self, number: int) -> int:
        """The root of one number."""
        parent = self._parent
        while (above := int(parent[number])) != number:
            parent[number] = parent[above]
            number = above
        return number

    def join(self, left: int, right: int) -> bool:
        """Make two sets one; false when they already were."""
        a, b = self.find(left), self.find(right)
        if a == b:
            return False
        self._parent[max(a, b)] = min(a, b)
        return True
