"""MRR@k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vectune.evaluate.metrics.graded import Graded


def mrr(graded: Graded, k: int) -> NDArray[np.float64]:
    """1 / rank of the first relevant document, 0 if it is not among the first k: float64 [n], 0 to 1.

    As trec_eval's `recip_rank` on a run cut at k. NaN where nothing is relevant.
    """
    hits = graded.hits(k)
    ranks = np.arange(1, hits.shape[1] + 1)
    return np.where(graded.relevant > 0, (hits / ranks).max(axis=1, initial=0.0), np.nan)
