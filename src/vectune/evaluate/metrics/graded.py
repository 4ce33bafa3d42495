"""What every ranking measure is worked out from: the grades in ranked order and in the best order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DEPTH = 100
"""Ranks that are kept: the deepest measures (recall@100, map@100) look no further."""


@dataclass(frozen=True)
class Graded:
    """n rankings of documents with their grades. A grade above 0 means relevant.

    `gains` float64 [n, ranks]: grade of the document at each rank; 0 where it is not judged or was not found.
    `ideal` float64 [n, ranks]: the query's grades above 0 in falling order, then 0.
    `relevant` int64 [n]: how many documents are relevant to the query, found or not.
    """

    gains: NDArray[np.float64]
    ideal: NDArray[np.float64]
    relevant: NDArray[np.int64]

    def hits(self, k: int) -> NDArray[np.bool_]:
        """Whether each of the first k documents is relevant: [n, k], narrower if fewer were ranked."""
        return self.gains[:, :k] > 0
