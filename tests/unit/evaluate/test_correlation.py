from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from vectune.evaluate.correlation import from_moments, pearson, ranks, standardised

columns = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=3, max_size=30).filter(
    lambda rows: all(len({row[side] for row in rows}) > 1 for side in (0, 1))
)


@settings(deadline=None)
@given(columns)
def test_pearson_and_ranks_equal_scipys(rows: list[tuple[int, int]]) -> None:
    """On any columns with ties the two correlations are scipy's."""
    x, y = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    assert pearson(x, y) == pytest.approx(pearsonr(x, y).statistic, abs=1e-9)
    assert pearson(ranks(x), ranks(y)) == pytest.approx(spearmanr(x, y).statistic, abs=1e-9)


@settings(deadline=None)
@given(columns)
def test_moments_give_the_same_correlation(rows: list[tuple[int, int]]) -> None:
    """Worked out from means of products, Pearson's correlation is the same."""
    x, y = (standardised(np.array(column, dtype=float)) for column in zip(*rows, strict=True))
    moments = [np.array([values.mean()]) for values in (x, y, x * x, y * y, x * y)]
    assert from_moments(*moments)[0] == pytest.approx(pearson(x, y), abs=1e-9)


@pytest.mark.parametrize("x", [[], [1.0], [2.0, 2.0, 2.0], [0.1 + 0.2, 0.3, 0.3]])
def test_columns_without_spread_correlate_zero(x: list[float]) -> None:
    """Too short or constant columns, but for rounding, give 0 and no warning."""
    column = np.array(x)
    assert pearson(column, np.arange(len(x), dtype=float)) == 0.0
    assert not standardised(column).any()
