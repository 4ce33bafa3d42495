"""Tests of data/scores.py."""

from __future__ import annotations

import pytest

from vectune.config import DataConfig
from vectune.data.scores import as_score, find_range
from vectune.errors import DataError


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.0, 0.5, 1.0], (0, 1)),
        ([0, 1, 1, 0], (0, 1)),
        ([-0.1, 0.9, 0.5], (-1, 1)),
        ([0.2] * 500 + [-0.05], (-1, 1)),
        ([-1, 0, 1], (-1, 1)),
        ([0, 2.5, 5], (0, 5)),
        ([1, 4, 3], (0, 5)),
        ([10, 55, 99], (0, 100)),
        ([0.5] * 19 + [7], (0, 1)),
        ([0.5] * 19 + [-1], (0, 1)),
        ([0, 3, 5, 2, 4, 1, 3, 2, 5, 999], (0, 5)),
    ],
)
def test_scale_is_the_narrowest_that_holds_the_scores(scores: list[float], expected: tuple[float, float]) -> None:
    """A few wrong scores do not widen the scale; a negative cosine does."""
    assert find_range(scores, "file") == expected


@pytest.mark.parametrize("scores", [[1, 5, 10], [-3, 0, 3], [0, 500, 1000], [7, 8, 9], [0, 1, 2] * 5])
def test_unknown_scale_is_refused_with_the_setting_that_names_it(scores: list[float]) -> None:
    """Marks of 1 to 10 are not taken as 0 to 100, nor the classes 0, 1 and 2 of NLI as 0 to 5."""
    with pytest.raises(DataError, match=f"{min(scores)} to {max(scores)}") as error:
        find_range(scores, "file")
    assert "score_range" in error.value.hint


@pytest.mark.parametrize(("value", "score"), [(1, 1.0), ("3.5", 3.5), (True, 1.0), ("high", None), ("nan", None)])
def test_only_finite_numbers_are_scores(value: object, score: float | None) -> None:
    """Numbers written as text count; words, nan and infinity do not."""
    assert as_score(value) == score


@pytest.mark.parametrize("value", [None, float("inf"), [1], {}, 10**400])
def test_other_values_are_no_scores(value: object) -> None:
    """Nothing that JSON can hold makes the reading of a score fail."""
    assert as_score(value) is None


@pytest.mark.parametrize("scale", [(1.0, 1.0), (10.0, 1.0)])
def test_a_scale_that_does_not_rise_is_refused(scale: tuple[float, float]) -> None:
    """A highest score that is not above the lowest would divide by zero, or turn all scores round."""
    with pytest.raises(ValueError, match="lowest score and a higher one"):
        DataConfig(score_range=scale)
