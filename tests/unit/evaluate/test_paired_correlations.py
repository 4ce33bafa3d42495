from __future__ import annotations

import numpy as np
import pytest

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
