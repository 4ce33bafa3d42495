import numpy as np
import pytest

from tests.unit.evaluate.metrics.rankings import NOTHING_RELEVANT, ONE, graded
from vectune.evaluate.metrics.mrr import mrr


@pytest.mark.parametrize(("k", "expected"), [(1, 0.0), (2, 0.5), (10, 0.5)])
def test_mrr_by_hand(k: int, expected: float) -> None:
    """One over the rank of the first relevant document, 0 before the cut reaches it."""
    assert mrr(ONE, k).tolist() == [expected]


def test_mrr_does_not_exist_without_a_relevant_document() -> None:
    """Nothing to find gives NaN."""
    assert np.isnan(mrr(NOTHING_RELEVANT, 5)).all()


def test_mrr_of_an_empty_ranking_is_zero() -> None:
    """Something to find and nothing ranked gives 0."""
    assert mrr(graded([[]], [[]], [1]), 10).tolist() == [0.0]
