"""Recall@k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vectune.evaluate.metrics.graded import Graded


def recall(graded: Graded, k: int) -> NDArray[np.float64]:
    """Relevant documents among the first k, divided by all relevant documents: float64 [n], 0 to 1.

    As trec_eval's `recall_k`: the divisor is not cut to k, so recall@1 can't reach 1 where two are relevant.
    NaN where nothing is relevant.
    """
    found = graded.hits(k).sum(axis=1)
    return np.where(graded.relevant > 0, found / np.maximum(graded.relevant, 1), np.nan)
