import numpy as np
import pytest

from tests.unit.evaluate.metrics.rankings import NOTHING_RELEVANT, ONE
from vectune.evaluate.metrics.recall import recall


@pytest.mark.parametrize(("k", "expected"), [(1, 0.0), (2, 1 / 3), (3, 1 / 3), (5, 2 / 3), (100, 2 / 3)])
def test_recall_by_hand(k: int, expected: float) -> None:
    """Found relevant documents divided by all three, whatever their grade; k past the ranking changes nothing."""
    assert recall(ONE, k).tolist() == pytest.approx([expected])


def test_recall_does_not_exist_without_a_relevant_document() -> None:
    """Nothing to find gives NaN."""
    assert np.isnan(recall(NOTHING_RELEVANT, 5)).all()
