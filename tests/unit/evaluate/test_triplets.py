from __future__ import annotations

import numpy as np

from vectune.evaluate.sides import VectorMatcher
from vectune.evaluate.triplets import triplet_accuracy

QUERY = np.array([[1.0, 0.0]], dtype=np.float32)
DOCUMENTS = np.array([[0.9, 0], [0.5, 0], [0.5, 0], [0.1, 0]], dtype=np.float32)


def test_every_combination_counts_and_equal_scores_are_wrong() -> None:
    """Positives .9 and .5 against negatives .5 and .1: three of four combinations are right."""
    assert triplet_accuracy(VectorMatcher(QUERY, DOCUMENTS), [[0, 1]], [[2, 3]]).tolist() == [0.75]


def test_without_negatives_or_positives_it_does_not_exist() -> None:
    """A missing side gives NaN for that query and leaves the others alone."""
    matcher = VectorMatcher(np.repeat(QUERY, 3, axis=0), DOCUMENTS)
    np.testing.assert_array_equal(triplet_accuracy(matcher, [[0], [], [0]], [[], [1], [3]]), [np.nan, np.nan, 1.0])


def test_no_triplets_are_no_error() -> None:
    """Nothing in, nothing out."""
    assert triplet_accuracy(VectorMatcher(QUERY[:0], DOCUMENTS), [], []).shape == (0,)
