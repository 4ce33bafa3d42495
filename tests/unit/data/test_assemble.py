"""Tests of data/assemble.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectune.data.assemble import assemble, disassemble
from vectune.data.normal import normal
from vectune.errors import DataError
from vectune.records import Kind, Labelled, LabelledText, Pair, Retrieval, Scored, ScoredPair

TEXTS = st.sampled_from(["a", "A ", "b", "c", "d", "e", "ß", "SS"])


@st.composite
def _pairs(draw: st.DrawFn) -> list[Pair]:
    parts = st.tuples(TEXTS, st.lists(TEXTS, min_size=1, max_size=3), st.lists(TEXTS, max_size=3))
    rows = draw(st.lists(parts, min_size=1, max_size=8))
    return [Pair(anchor, tuple(good), tuple(bad), row) for row, (anchor, good, bad) in enumerate(rows, 1)]


def test_equal_anchors_become_one_query_and_equal_texts_one_document() -> None:
    """Ids are those of the first occurrence, and a query has the positives of all its rows."""
    rows = [
        Pair("Reset?", ("green button", "unplug"), ("filter",), 3),
        Pair(" reset? ", ("Green  button", "call us"), (), 5),
        Pair("error", ("filter",), (), 9),
    ]
    data = assemble(rows, Kind.PAIRS)
    assert isinstance(data, Retrieval)
    assert data.queries == {"q3": "Reset?", "q9": "error"}
    assert data.corpus == {"d3-0": "green button", "d3-1": "unplug", "d3-2": "filter", "d5-1": "call us"}
    assert data.qrels == {"q3": {"d3-0": 1, "d3-1": 1, "d5-1": 1}, "q9": {"d3-2": 1}}
    assert data.negatives == {"q3": ("d3-2",)}


def test_negative_that_is_a_positive_of_the_query_is_none() -> None:
    """A text can't be wrong and right for one query: right wins, in whatever order the rows come."""
    data = assemble([Pair("q", ("a",), ("b",), 1), Pair("q", ("b",), ("c",), 2)], Kind.PAIRS)
    assert isinstance(data, Retrieval)
    assert data.negatives == {"q1": ("d2-1",)}


def test_rows_without_or_with_shared_numbers_get_ids_of_their_own() -> None:
    """Rows of two files, or rows without numbers, never fall onto one id."""
    data = assemble([Pair("a", ("x",), (), 0), Pair("b", ("y",), (), 0), Pair("c", ("z",), (), 1)], Kind.PAIRS)
    assert isinstance(data, Retrieval)
    assert len(data.queries) == len(data.corpus) == 3


@given(_pairs())
def test_every_id_is_there_and_every_text_is_kept(rows: list[Pair]) -> None:
    """Judgements and negatives name only what exists; no text is lost, none is there twice."""
    data = assemble(rows, Kind.PAIRS)
    assert isinstance(data, Retrieval)
    assert data.qrels.keys() == data.queries.keys()
    assert data.negatives.keys() <= data.queries.keys()
    for grades in data.qrels.values():
        assert grades.keys() <= data.corpus.keys()
    for query, found in data.negatives.items():
        assert set(found) <= data.corpus.keys() - data.qrels[query].keys()
    assert {normal(text) for text in data.queries.values()} == {normal(row.anchor) for row in rows}
    assert sorted(map(normal, data.corpus.values())) == sorted(
        {normal(text) for row in rows for text in row.positives + row.negatives}
    )


@given(_pairs())
def test_disassembled_rows_assemble_to_the_same_judgements(rows: list[Pair]) -> None:
    """Taking apart and putting together again changes ids only."""

    def by_text(data: Retrieval) -> dict[str, tuple[set[str], set[str]]]:
        return {
            normal(data.queries[query]): (
                {normal(data.corpus[document]) for document in grades},
                {normal(data.corpus[document]) for document in data.negatives.get(query, ())},
            )
            for query, grades in data.qrels.items()
        }

    once = assemble(rows, Kind.PAIRS)
    twice = assemble((row for row in disassemble(once) if isinstance(row, Pair)), Kind.PAIRS)
    assert isinstance(once, Retrieval)
    assert isinstance(twice, Retrieval)
    assert by_text(once) == by_text(twice)


def test_graded_judgements_keep_grade_1_and_more() -> None:
    """A grade of 0 is no positive, and a query without positives gives no row."""
    corpus = {"d1": "one", "d2": "two", "d3": "three"}
    data = Retrieval({"a": "x", "b": "y"}, corpus, {"a": {"d1": 2, "d2": 0, "d3": 1}, "b": {"d2": 0}})
    assert list(disassemble(data)) == [Pair("x", ("one", "three"), (), 1)]


def test_triplets_come_back_one_a_row() -> None:
    """A query with two triplets gives two rows of one positive and one negative."""
    rows = [Pair("a", ("x",), ("y",), 1), Pair("a", ("u",), ("v",), 2), Pair("b", ("x",), ("v",), 3)]
    data = assemble(rows, Kind.TRIPLETS)
    assert data.kind is Kind.TRIPLETS
    assert list(disassemble(data)) == rows


def test_scored_and_labelled_rows_pass_through() -> None:
    """Scored pairs and labelled texts are their own data sets."""
    scored, labelled = [ScoredPair("a", "b", 0.5, 1)], [LabelledText("a", "x", 1)]
    assert assemble(scored, Kind.SCORED) == Scored(tuple(scored))
    assert assemble(labelled, Kind.LABELLED) == Labelled(tuple(labelled))
    assert list(disassemble(Scored(tuple(scored)))) == scored
    assert list(disassemble(Labelled(tuple(labelled)))) == labelled


def test_rows_of_another_kind_are_refused() -> None:
    """A scored pair among pairs is an error that names its row."""
    with pytest.raises(DataError, match="row 4 is a ScoredPair"):
        assemble([ScoredPair("a", "b", 0.5, 4)], Kind.PAIRS)
