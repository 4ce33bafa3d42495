from __future__ import annotations

import numpy as np
import pytest

from vectune.evaluate.clusters import Clusters
from vectune.evaluate.paired_means import PairedMeans
from vectune.evaluate.resampling import bootstrap_counts

PAIR = PairedMeans(np.array([0.5, 0.0]), np.array([0.5, 1.0]))


def test_observed_resampled_and_swapped_by_hand() -> None:
    """Differences 0 and 1: their mean, the mean when one counts twice, and the sign when one is swapped."""
    assert PAIR.observed() == (0.25, 0.75)
    assert PAIR.resampled(np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]])).tolist() == [0.5, 0.0, 1.0]
    assert PAIR.swapped(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])).tolist() == [0.5, 0.5, -0.5]


def test_standard_error_is_that_of_a_sample() -> None:
    """sd with n - 1 below the line, divided by the root of n: sqrt(.5) / sqrt(2)."""
    assert PAIR.standard_error(np.zeros(0)) == pytest.approx(0.5)


def test_clusters_count_and_swap_as_one() -> None:
    """Differences 1, 0, 1 in clusters of two and one: a draw is the ratio of sums, a swap takes the cluster whole."""
    pair = PairedMeans(np.zeros(3), np.array([1.0, 0.0, 1.0]), Clusters(np.array([0, 0, 1])))
    counts = np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]])
    assert pair.resampled(counts) == pytest.approx([2 / 3, 1 / 2, 1.0])
    assert pair.swapped(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])) == pytest.approx([2 / 3, 0.0, 0.0])
    assert len(pair) == 3


def test_standard_error_of_clusters_is_that_of_their_bootstrap() -> None:
    """Clusters of 1 to 8 units whose differences go together: the formula gives what drawing them anew gives."""
    random = np.random.default_rng(2)
    of_unit = np.repeat(np.arange(200), random.integers(1, 9, 200))
    tuned = random.normal(0.1, 0.3, 200)[of_unit] + random.normal(0, 0.1, len(of_unit))
    pair = PairedMeans(np.zeros(len(tuned)), tuned, Clusters(of_unit))
    drawn = np.concatenate([pair.resampled(part) for part in bootstrap_counts(200, 4000, seed=0)])
    assert pair.standard_error(drawn) == pytest.approx(drawn.std(), rel=0.05)
    assert pair.standard_error(drawn) > 1.5 * PairedMeans(np.zeros(len(tuned)), tuned).standard_error(drawn)
