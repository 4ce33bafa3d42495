from __future__ import annotations

import numpy as np
import pytest

from vectune.evaluate.paired_means import PairedMeans

PAIR = PairedMeans(np.array([0.5, 0.0]), np.array([0.5, 1.0]))


def test_observed_resampled_and_swapped_by_hand() -> None:
    """Differences 0 and 1: their mean, the mean when one counts twice, and the sign when one is swapped."""
    assert PAIR.observed() == (0.25, 0.75)
    assert PAIR.resampled(np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]])).tolist() == [0.5, 0.0, 1.0]
    assert PAIR.swapped(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])).tolist() == [0.5, 0.5, -0.5]


def test_standard_error_is_that_of_a_sample() -> None:
    """sd with n - 1 below the line, divided by the root of n: sqrt(.5) / sqrt(2)."""
    assert PAIR.standard_error(np.zeros(0)) == pytest.approx(0.5)
