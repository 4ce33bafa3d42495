from __future__ import annotations

import numpy as np

from vectune.evaluate.linear_probe import probe

LEFT, RIGHT = [[1.0, 0.1 * i] for i in range(4)], [[-1.0, 0.1 * i] for i in range(4)]


def test_a_line_separates_what_a_line_can() -> None:
    """Two clouds on two sides of a line are told apart, and the labels given back are the ones given."""
    reference = np.array(LEFT + RIGHT, dtype=np.float32)
    labels = np.array([3] * 4 + [8] * 4)
    assert probe(reference, labels, np.array([[0.5, 9.0], [-0.5, -9.0]], dtype=np.float32)).tolist() == [3, 8]


def test_stopping_early_is_silent() -> None:
    """Reaching the iteration limit is no warning (warnings are errors here)."""
    random = np.random.default_rng(0)
    reference = random.standard_normal((60, 20)).astype(np.float32)
    assert probe(reference, np.arange(60) % 3, reference, iterations=1).shape == (60,)


def test_no_texts_are_no_error() -> None:
    """Nothing to label gives nothing."""
    assert probe(np.array(LEFT + RIGHT, np.float32), np.repeat([0, 1], 4), np.zeros((0, 2), np.float32)).shape == (0,)
