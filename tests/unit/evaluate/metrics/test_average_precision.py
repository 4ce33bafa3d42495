import numpy as np
import pytest

from tests.unit.evaluate.metrics.rankings import NOTHING_RELEVANT, ONE
from vectune.evaluate.metrics.average_precision import average_precision


@pytest.mark.parametrize(("k", "expected"), [(1, 0.0), (2, 1 / 2 / 3), (100, (1 / 2 + 2 / 4) / 3)])
def test_average_precision_by_hand(k: int, expected: float) -> None:
    """Precision at ranks 2 and 4, divided by the three relevant documents."""
    assert average_precision(ONE, k).tolist() == pytest.approx([expected])


def test_average_precision_does_not_exist_without_a_relevant_document() -> None:
    """Nothing to find gives NaN."""
    assert np.isnan(average_precision(NOTHING_RELEVANT, 5)).all()
