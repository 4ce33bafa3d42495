"""AP@k, whose mean over queries is MAP@k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vectune.evaluate.metrics.graded import Graded


def average_precision(graded: Graded, k: int) -> NDArray[np.float64]:
    """sum of precision@rank at each relevant document among the first k, divided by all relevant ones: float64 [n].

    As trec_eval's `map_cut_k`: the divisor is not cut to k, so 100 of 150 relevant documents in the first 100 ranks
    give 0.67. NaN where nothing is relevant.
    """
    hits = graded.hits(k)
    precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    total = (precision * hits).sum(axis=1)
    return np.where(graded.relevant > 0, total / np.maximum(graded.relevant, 1), np.nan)
