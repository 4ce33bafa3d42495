from __future__ import annotations

import pytest

from vectune.report import values


@pytest.mark.parametrize(
    ("value", "expected"), [(1, 1.0), (0.5, 0.5), (True, None), ("1", None), (None, None), (float("nan"), None)]
)
def test_number_takes_finite_numbers_only(value: object, expected: float | None) -> None:
    """Booleans, texts and NaN are no numbers."""
    assert values.number(value) == expected


def test_wrong_types_are_absent() -> None:
    """A mapping, sequence or interval of the wrong shape is empty or None, never an error."""
    assert values.mapping([1]) == {}
    assert values.sequence({"a": 1}) == []
    assert values.interval([0.1]) is None
    assert values.interval([0.1, None]) is None
    assert values.interval([0.1, 0.2]) == (0.1, 0.2)


def test_scores_have_three_decimals_and_a_true_minus() -> None:
    """Scores and differences line up, and a missing one is a dash."""
    assert values.score(0.34449) == "0.344"
    assert values.signed(0.168) == "+0.168"
    assert values.signed(-0.012) == "−0.012"
    assert values.score(None) == values.signed(None) == "–"


@pytest.mark.parametrize(("share", "said"), [(0, "0 %"), (0.021, "2.1 %"), (0.5, "50 %"), (1, "100 %"), (None, "–")])
def test_percent(share: float | None, said: str) -> None:
    """Small shares keep a decimal, large ones do not."""
    assert values.percent(share) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.44, "0.4 s"), (9.96, "10 s"), (59.4, "59 s"), (81.2, "1 min 21 s"), (7800, "2 h 10 min"), (None, "–")],
)
def test_duration(seconds: float | None, said: str) -> None:
    """Seconds are said in the unit that people use at that size."""
    assert values.duration(seconds) == said


def test_measures_are_ordered_for_reading() -> None:
    """The deciding measure leads; families follow, and cuts count as numbers, not as text."""
    names = {"recall@100", "recall@5", "map@100", "hit@1", "ndcg@10", "mrr@10", "odd"}
    ordered = ["mrr@10", "ndcg@10", "map@100", "recall@5", "recall@100", "hit@1", "odd"]
    assert values.in_order(names, "mrr@10") == ordered


@pytest.mark.parametrize(
    ("measure", "said"), [("ndcg@10", "nDCG@10"), ("knn_accuracy", "kNN accuracy"), ("my_own@3", "my own@3")]
)
def test_label(measure: str, said: str) -> None:
    """Measures are written as people write them; unknown ones stay readable."""
    assert values.label(measure) == said
