from __future__ import annotations

import numpy as np
import pytest

from vectune.evaluate.clusters import Clusters
from vectune.evaluate.paired_correlations import PairedCorrelations

RANDOM = np.random.default_rng(0)
BASE, TUNED, GOLD = RANDOM.normal(size=(3, 12))
PAIR = PairedCorrelations(BASE, 100 + 50 * TUNED, GOLD)


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1])


def test_drawing_every_pair_once_gives_the_observed_difference() -> None:
    """A resample that is the data itself changes nothing; scale and shift of a model's scores play no part."""
    base, tuned = PAIR.observed()
    assert (base, tuned) == pytest.approx((correlation(BASE, GOLD), correlation(TUNED, GOLD)))
    assert PAIR.resampled(np.ones((1, 12)))[0] == pytest.approx(tuned - base)


def test_a_resample_is_the_correlation_of_the_drawn_pairs() -> None:
    """Counting pairs is the same as repeating them."""
    drawn = np.array([0, 0, 3, 4, 5, 5, 5, 7, 8, 9, 10, 11])
    expected = correlation(TUNED[drawn], GOLD[drawn]) - correlation(BASE[drawn], GOLD[drawn])
    assert PAIR.resampled(np.bincount(drawn, minlength=12)[None, :].astype(float))[0] == pytest.approx(expected)


def test_swapping_all_pairs_turns_the_sign_and_none_keeps_it() -> None:
    """The ends of the permutation test."""
    base, tuned = PAIR.observed()
    flips = np.stack([np.zeros(12), np.ones(12)])
    assert PAIR.swapped(flips) == pytest.approx([tuned - base, base - tuned])


def test_clusters_count_and_swap_as_one() -> None:
    """Drawing and swapping four clusters of three pairs is the same as naming all their pairs."""
    of_unit = np.arange(12) % 4
    clustered = PairedCorrelations(BASE, TUNED, GOLD, Clusters(of_unit))
    plain = PairedCorrelations(BASE, TUNED, GOLD)
    counts, flips = np.array([[2.0, 0.0, 1.0, 1.0]]), np.array([[1.0, 0.0, 0.0, 1.0]])
    assert clustered.resampled(counts) == pytest.approx(plain.resampled(counts[:, of_unit]))
    assert clustered.swapped(flips) == pytest.approx(plain.swapped(flips[:, of_unit]))
    uneven = PairedCorrelations(BASE, TUNED, GOLD, Clusters(np.array([0] * 9 + [1] * 3)))
    drawn = np.array([9, 10, 11])
    expected = correlation(TUNED[drawn], GOLD[drawn]) - correlation(BASE[drawn], GOLD[drawn])
    assert uneven.resampled(np.array([[0.0, 2.0]]))[0] == pytest.approx(expected)
