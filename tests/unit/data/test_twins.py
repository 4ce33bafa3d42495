from __future__ import annotations

from vectune.data.twins import equal_texts, merge_twins, union
from vectune.records import Retrieval


def test_twins_point_to_the_first_equal_text() -> None:
    """Equality is that of `normal`."""
    assert equal_texts({"a": "Text", "b": "other", "c": " text ", "d": "TEXT"}) == {"c": "a", "d": "a"}


def test_judgements_of_twins_are_joined_and_the_higher_grade_holds() -> None:
    """A query's relevant document can't come back as a wrong answer under another id."""
    data = Retrieval(
        queries={"q1": "ask", "q2": "Ask", "q3": "more"},
        corpus={"d1": "x", "d2": "X", "d3": "y"},
        qrels={"q1": {"d1": 1}, "q2": {"d2": 2, "d3": 0}, "q3": {"d2": 1}},
        negatives={"q2": ("d1", "d3"), "q3": ("d3",)},
    )
    merged = merge_twins(data, equal_texts(data.queries), equal_texts(data.corpus))
    assert dict(merged.queries) == {"q1": "ask", "q3": "more"}
    assert dict(merged.corpus) == {"d1": "x", "d3": "y"}
    assert merged.qrels == {"q1": {"d1": 2, "d3": 0}, "q3": {"d1": 1}}
    assert merged.negatives == {"q1": ("d3",), "q3": ("d3",)}


def test_without_twins_the_corpus_stays_the_same_object() -> None:
    """Splits that share a corpus go on sharing it."""
    data = Retrieval({"q": "a"}, {"d": "b"}, {"q": {"d": 1}})
    assert merge_twins(data, {}, {}).corpus is data.corpus


def test_a_union_keeps_all_and_the_higher_grade() -> None:
    """One query judged in two splits is one query."""
    one = Retrieval({"q": "a"}, {"d": "b", "e": "c"}, {"q": {"d": 1}})
    other = Retrieval({"q": "a", "r": "z"}, {"d": "b", "e": "c"}, {"q": {"d": 2, "e": 1}, "r": {"e": 1}})
    whole = union({"train": one, "test": other})
    assert whole.qrels == {"q": {"d": 2, "e": 1}, "r": {"e": 1}}
    assert union({"all": one}) is one


def test_ids_that_mean_two_texts_are_told_apart() -> None:
    """Files that number their texts alike are not mixed up."""
    one = Retrieval({"1": "a"}, {"1": "b"}, {"1": {"1": 1}})
    other = Retrieval({"1": "other"}, {"1": "b"}, {"1": {"1": 1}})
    whole = union({"train": one, "test": other})
    assert dict(whole.queries) == {"train:1": "a", "test:1": "other"}
    assert whole.qrels == {"train:1": {"train:1": 1}, "test:1": {"test:1": 1}}
