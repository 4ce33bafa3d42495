from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.evaluate.judgements import by_pair, by_query
from vectune.evaluate.judged import Judged
from vectune.evaluate.wins_losses import QueryExample, wins_and_losses
from vectune.records import Kind, Labelled, LabelledText, Retrieval, Scored, ScoredPair

DATA = Retrieval(
    queries={f"q{i}": f"query {i}" for i in range(5)},
    corpus={"x": "best document", "y": "other document " + "long " * 200},
    qrels={f"q{i}": {"y": 1, "x": 2} for i in range(5)},
)


def with_tops(judged: Judged, top: str) -> Judged:
    return replace(judged, top=(top,) * len(judged.units))


BASE = with_tops(by_query([0.5, 0.5, 0.5, 0.5, np.nan]), "base found this")
TUNED = with_tops(by_query([0.6, 1.0, 0.1, 0.5, 0.9]), DATA.corpus["y"])


def test_wins_and_losses_are_the_largest_changes_in_order() -> None:
    """Largest gain first, largest fall first; unchanged queries and those without the measure are in neither."""
    found = wins_and_losses(BASE, TUNED, DATA, "ndcg@10", 10)
    assert [example.unit for example in found["wins"]] == ["q1", "q0"]
    assert [example.unit for example in found["losses"]] == ["q2"]


@pytest.mark.parametrize("count", [0, 1])
def test_no_more_than_count_are_kept(count: int) -> None:
    """The count holds for each list."""
    found = wins_and_losses(BASE, TUNED, DATA, "ndcg@10", count)
    assert len(found["wins"]) == len(found["losses"]) == count


def test_an_example_carries_its_texts() -> None:
    """The query, its best relevant document and what each model put first, cut to 500 characters."""
    example = wins_and_losses(BASE, TUNED, DATA, "ndcg@10", 1)["wins"][0]
    cut = DATA.corpus["y"][:500]
    assert example == QueryExample("q1", "query 1", 0.5, 1.0, "best document", "base found this", cut)


def test_labelled_texts_show_their_label_and_nearest_texts() -> None:
    """For labels, what is relevant is the label."""
    data = Labelled((LabelledText("my card", "card"), LabelledText("a loan", "loan")))
    base, tuned = (
        Judged(Kind.LABELLED, ("0", "1"), {"knn_accuracy": np.array(values)}, {}, top=(f"{name} a", f"{name} b"))
        for name, values in (("base", [0.0, 1.0]), ("tuned", [1.0, 0.0]))
    )
    found = wins_and_losses(base, tuned, data, "knn_accuracy", 10)
    assert found["wins"] == (QueryExample("0", "my card", 0.0, 1.0, "card", "base a", "tuned a"),)
    assert found["losses"] == (QueryExample("1", "a loan", 1.0, 0.0, "loan", "base b", "tuned b"),)


def test_scored_pairs_show_how_their_rank_moved_towards_the_given_one() -> None:
    """The pair that base ranked first and gold last wins most when tuned ranks it last."""
    gold = [0.0, 0.5, 1.0]
    data = Scored(tuple(ScoredPair(f"first {i}", f"second {i}", score) for i, score in enumerate(gold)))
    base, tuned = by_pair([0.9, 0.5, 0.7], gold), by_pair([0.1, 0.5, 0.7], gold)
    found = wins_and_losses(base, tuned, data, "spearman", 1)
    expected = QueryExample("0", "first 0", 0.0, 1.0, "0.00 given: second 0", "similarity 0.900", "similarity 0.100")
    assert found == {"wins": (expected,), "losses": ()}


def test_models_judged_on_other_units_are_not_compared() -> None:
    """Our own invariant: units are the same on both sides."""
    with pytest.raises(ValueError, match="not judged on the same units"):
        wins_and_losses(BASE, by_query([0.1]), DATA, "ndcg@10", 1)
