from __future__ import annotations

import numpy as np
import pytest

from vectune.evaluate.resampling import bootstrap_counts, coin_flips


@pytest.mark.parametrize("n", [1, 7, 1000, 2_000_000])
def test_every_resample_draws_n_units_and_chunks_stay_small(n: int) -> None:
    """Counts of a resample add up to n; chunks add up to the resamples; no chunk holds over a million numbers."""
    chunks = list(bootstrap_counts(n, 3, seed=0))
    assert sum(len(chunk) for chunk in chunks) == 3
    assert all((chunk.sum(axis=1) == n).all() for chunk in chunks)
    assert max(chunk.size for chunk in chunks) <= max(1_000_000, n)


def test_draws_are_with_replacement_and_even() -> None:
    """Each unit is drawn once on average with variance 1 - 1/n, as n draws with replacement have."""
    counts = np.concatenate(list(bootstrap_counts(50, 4000, seed=1)))
    np.testing.assert_allclose(counts.mean(axis=0), 1.0, atol=0.08)
    assert counts.var() == pytest.approx(1 - 1 / 50, abs=0.02)


def test_coins_are_fair() -> None:
    """Flips are 0 or 1, half each, for every unit."""
    flips = np.concatenate(list(coin_flips(50, 4000, seed=1)))
    assert set(np.unique(flips)) == {0.0, 1.0}
    np.testing.assert_allclose(flips.mean(axis=0), 0.5, atol=0.05)


@pytest.mark.parametrize("draw", [bootstrap_counts, coin_flips])
def test_the_seed_decides(draw) -> None:  # type: ignore[no-untyped-def]
    """Equal seeds give equal draws, other seeds others."""
    first, again, other = (np.concatenate(list(draw(20, 5, seed))) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
