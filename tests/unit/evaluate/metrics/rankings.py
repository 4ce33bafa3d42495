"""Random graded rankings for the tests of the measures."""

from __future__ import annotations

import numpy as np

from vectune.evaluate.metrics.graded import Graded


def graded(gains: list[list[float]], ideal: list[list[float]], relevant: list[int]) -> Graded:
    return Graded(np.array(gains, dtype=float), np.array(ideal, dtype=float), np.array(relevant, dtype=np.int64))


ONE = graded([[0, 2, 0, 1, 0]], [[3, 2, 1, 0, 0]], [3])
"""Grades 3, 2 and 1 are to be found; the 2 stands at rank 2, the 1 at rank 4, the 3 was not found."""
NOTHING_RELEVANT = graded([[0, 0]], [[0, 0]], [0])
"""A query without a relevant document."""
