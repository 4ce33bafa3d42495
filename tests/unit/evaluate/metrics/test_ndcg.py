from math import log2

import numpy as np
import pytest

from tests.unit.evaluate.metrics.rankings import NOTHING_RELEVANT, ONE
from vectune.evaluate.metrics.ndcg import ndcg


def test_ndcg_by_hand() -> None:
    """Grades divided by log2(rank + 1), over the same in the best order: 2 at rank 2 and 1 at rank 4 of 3, 2, 1."""
    best = 3 / log2(2) + 2 / log2(3) + 1 / log2(4)
    assert ndcg(ONE, 10).tolist() == pytest.approx([(2 / log2(3) + 1 / log2(5)) / best])


def test_the_cut_holds_for_the_best_order_too() -> None:
    """At k = 2 the best order has two documents: the third grade counts nowhere."""
    assert ndcg(ONE, 2).tolist() == pytest.approx([(2 / log2(3)) / (3 + 2 / log2(3))])


def test_ndcg_does_not_exist_without_a_relevant_document() -> None:
    """Nothing to find gives NaN."""
    assert np.isnan(ndcg(NOTHING_RELEVANT, 10)).all()
