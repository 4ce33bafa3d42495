import numpy as np
import pytest

from tests.unit.evaluate.metrics.rankings import NOTHING_RELEVANT, ONE
from vectune.evaluate.metrics.hit import hit


@pytest.mark.parametrize(("k", "expected"), [(1, 0.0), (2, 1.0), (100, 1.0)])
def test_hit_by_hand(k: int, expected: float) -> None:
    """1 from the rank of the first relevant document on."""
    assert hit(ONE, k).tolist() == [expected]


def test_hit_does_not_exist_without_a_relevant_document() -> None:
    """Nothing to find gives NaN."""
    assert np.isnan(hit(NOTHING_RELEVANT, 5)).all()
