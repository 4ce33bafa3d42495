"""Hit@k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vectune.evaluate.metrics.graded import Graded


def hit(graded: Graded, k: int) -> NDArray[np.float64]:
    """1 where a relevant document stands among the first k, else 0: float64 [n]; trec_eval's `success_k`.

    NaN where nothing is relevant.
    """
    return np.where(graded.relevant > 0, graded.hits(k).any(axis=1).astype(np.float64), np.nan)
