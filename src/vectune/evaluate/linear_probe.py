"""Linear probe: how well a straight line through the vectors tells the labels apart."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from vectune.encode.encoder import Vectors


def probe(
    reference: Vectors, labels: NDArray[np.int64], vectors: Vectors, *, iterations: int = 200
) -> NDArray[np.int64]:
    """Labels that logistic regression fitted on `reference` [m, D] with `labels` [m] gives `vectors` [n, D]: int64 [n].

    L2 penalty with C = 1. `labels` must hold at least two classes. Fitting stops after `iterations` steps, done or not:
    the accuracy has long settled by then.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(vectors) == 0:
        return np.zeros(0, dtype=np.int64)
    model = LogisticRegression(max_iter=iterations)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(reference, labels)
    return np.asarray(model.predict(vectors), dtype=np.int64)
