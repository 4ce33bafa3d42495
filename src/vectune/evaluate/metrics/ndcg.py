"""nDCG@k (Järvelin and Kekäläinen, 2002)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vectune.evaluate.metrics.graded import Graded


def ndcg(graded: Graded, k: int) -> NDArray[np.float64]:
    """sum of grade / log2(rank + 1) over the first k, divided by the same sum in the best order: float64 [n], 0 to 1.

    As trec_eval's `ndcg_cut_k`: the gain is the grade itself, not 2^grade - 1. NaN where nothing is relevant.
    """
    best = _dcg(graded.ideal, k)
    return np.where(best > 0, _dcg(graded.gains, k) / np.where(best > 0, best, 1.0), np.nan)


def _dcg(gains: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    first = gains[:, :k]
    return np.asarray(first @ (1.0 / np.log2(np.arange(2, first.shape[1] + 2))), dtype=np.float64)
