"""Tests of data/roles.py."""

from __future__ import annotations

from typing import Any

import pytest

from vectune.config import DataConfig
from vectune.data.columns import Columns
from vectune.data.roles import Roles, find_roles, scale_scores
from vectune.errors import ConfigError, DataError, VectuneError
from vectune.records import Kind


def _find(row: dict[str, Any], *more: dict[str, Any], **columns: str) -> Roles:
    return find_roles(Columns([row, *more], "file"), DataConfig(columns=columns))


def _refuse(row: dict[str, Any], *more: dict[str, Any], **columns: str) -> VectuneError:
    with pytest.raises(VectuneError) as error:
        _find(row, *more, **columns)
    assert error.value.hint
    return error.value


@pytest.mark.parametrize(
    "anchor", ["query", "anchor", "question", "prompt", "input", "sentence1", "text1", "QUERY", "Text1"]
)
@pytest.mark.parametrize(
    "positive", ["positive", "answer", "document", "response", "completion", "output", "sentence2"]
)
def test_every_pair_of_names_is_found(anchor: str, positive: str) -> None:
    """Any known anchor goes with any known positive, whatever the case and whatever stands beside them."""
    roles = _find({"id": 1, anchor: "ask", positive: "tell", "source": "manual"})
    assert roles.kind is Kind.PAIRS
    assert roles.columns == {"anchor": (anchor,), "positive": (positive,)}
    assert "columns not used: id, source" in roles.said


@pytest.mark.parametrize(
    ("row", "kind", "shape"),
    [
        ({"query": "a", "positive": "b", "negative": "c"}, Kind.TRIPLETS, "triplets"),
        ({"query": "a", "positive": "b", "negative_1": "c"}, Kind.TRIPLETS, "triplets"),
        ({"query": "a", "positive": "b", "negative": ["c"]}, Kind.PAIRS, "lists"),
        ({"query": "a", "positive": ["b"], "negative": "c"}, Kind.PAIRS, "lists"),
        ({"query": "a", "positive": "b", "neg_1": "c", "neg2": "d"}, Kind.PAIRS, "lists"),
        ({"query": "a", "response": "b", "rejected_response": ["c"]}, Kind.PAIRS, "ms-swift"),
        ({"sentence1": "a", "sentence2": "b", "label": 1}, Kind.SCORED, "scored pairs"),
        ({"query": "a", "document": "b", "similarity": "0.5"}, Kind.SCORED, "scored pairs"),
        ({"prompt": "a", "completion": "b", "score": 1}, Kind.SCORED, "scored pairs"),
        ({"query": "a", "positive": "b", "score": 0.5}, Kind.PAIRS, "pairs"),
        ({"query": "a", "answer": "b", "negative": "c", "score": 0.5}, Kind.TRIPLETS, "triplets"),
        ({"question": "a", "answer": "b", "label": "billing"}, Kind.PAIRS, "pairs"),
        ({"text": "a", "label": 1}, Kind.LABELLED, "labelled texts"),
        ({"sentence": "a", "intent": "x"}, Kind.LABELLED, "labelled texts"),
        ({"query": "a", "category": "x"}, Kind.LABELLED, "labelled texts"),
        ({"query": "a", "positive": "b", "answer": None, "question": 3}, Kind.PAIRS, "pairs"),
    ],
)
def test_kind_follows_from_names_and_content(row: dict[str, Any], kind: Kind, shape: str) -> None:
    """Lists, numbers of negatives and what a score stands beside decide what the rows are."""
    roles = _find(row)
    assert (roles.kind, roles.shape) == (kind, shape)


def test_negative_that_is_often_absent_makes_no_triplets() -> None:
    """When more than one row in twenty lacks its negative, rows are pairs with or without one."""
    rows = [{"query": "a", "positive": "b", "negative": "c"}] * 9
    assert _find(*rows, {"query": "a", "positive": "b", "negative": ""}).kind is Kind.PAIRS
    assert _find(*rows * 3, {"query": "a", "positive": "b", "negative": ""}).kind is Kind.TRIPLETS


def test_numbered_negatives_are_all_found_in_order() -> None:
    """negative_1 to negative_n are one role of many columns."""
    row = {"anchor": "a", "positive": "b", **{f"negative_{n}": "c" for n in range(1, 12)}}
    assert _find(row).columns["negative"] == tuple(f"negative_{n}" for n in range(1, 12))


def test_two_candidates_are_refused_with_the_choice() -> None:
    """Two anchors or two positives are no guess, and the hint is the option that chooses."""
    error = _refuse({"query": "a", "question": "b", "answer": "c"})
    assert "query and question" in error.message
    assert error.hint.endswith("--columns anchor=query,positive=answer")
    assert "Query and query" in _refuse({"Query": "a", "query": "b", "answer": "c"}).message
    error = _refuse({"text": "a", "sentence": "b", "label": "c"})
    assert error.hint.endswith("--columns text=text,label=label")


@pytest.mark.parametrize(
    ("row", "hint"),
    [
        ({"title": "short", "body": "much longer text"}, "--columns anchor=title,positive=body"),
        ({"query": "a", "text": "some text"}, "--columns anchor=query,positive=text"),
        ({"name": "a", "answer": "some text"}, "--columns anchor=name,positive=answer"),
        ({"query": "a", "id": 7}, "pairs need a column anchor and a column positive"),
        ({"text": "a", "id": 7}, "pairs need a column anchor and a column positive"),
        (
            {"How do I reset the pump?": "What is error 12?", "Hold the button.": "b"},
            "name the columns in the first line",
        ),
    ],
)
def test_unknown_columns_are_refused_with_a_guess(row: dict[str, Any], hint: str) -> None:
    """The error lists what was found, and the hint names roles where there is something to name."""
    error = _refuse(row)
    assert isinstance(error, DataError)
    assert all(column in error.message for column in row)
    assert hint in error.hint


def test_named_columns_override_the_tables() -> None:
    """What the user names goes first; the rest is found as usual, without the columns already named."""
    row = {"query": "a", "question": "b", "answer": "c", "wrong": "d", "text": "e", "tag": "f"}
    assert _find(row, anchor="question").columns == {"anchor": ("question",), "positive": ("answer",)}
    assert _find(row, anchor="question", positive="text", negative="wrong").kind is Kind.TRIPLETS
    assert _find(row, text="text", label="tag").columns == {"text": ("text",), "label": ("tag",)}
    assert _find({"a": "x", "b": "y", "n": 0.5}, first="a", second="b", score="n").kind is Kind.SCORED


def test_path_into_an_object_can_be_named() -> None:
    """A dot reaches into an object, unless a column has the dot in its name."""
    row = {"body": "a", "info": {"topic": "x"}}
    assert _find(row, text="body", label="info.topic").columns["label"] == ("info.topic",)
    assert "info.other" in _refuse(row, text="body", label="info.other").message


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"anchor": "absent"}, "has no column named 'absent' for the anchor"),
        ({"anker": "a"}, "no role named 'anker'"),
        ({"anchor": "a", "text": "b"}, "do not go together"),
        ({"anchor": "a", "positive": "a"}, "one column is named for two roles"),
        ({"first": "a", "second": "b"}, "none is known as the score"),
        ({"anchor": "a"}, "none is known as the positive"),
    ],
)
def test_wrong_columns_option_is_refused(columns: dict[str, str], says: str) -> None:
    """Roles that do not exist, columns that are not there and mixtures that mean nothing are told."""
    error = _refuse({"a": "x", "b": "y"}, **columns)
    assert says in error.message
    assert isinstance(error, ConfigError | DataError)


SWAPPED = [{"query": "word " * 40, "positive": f"what is it {n}"} for n in range(5)]


def test_swapped_columns_are_refused_with_both_ways_out() -> None:
    """The hint swaps, or insists; naming both columns skips the check."""
    error = _refuse(*SWAPPED)
    assert "swapped" in error.message
    assert "--columns anchor=positive,positive=query" in error.hint
    assert "--columns anchor=query,positive=positive" in error.hint
    assert _find(*SWAPPED, anchor="query", positive="positive").columns["anchor"] == ("query",)
    assert _find(*SWAPPED, anchor="positive", positive="query").columns["anchor"] == ("positive",)


def test_symmetric_names_are_never_swapped() -> None:
    """sentence1 and text1 do not say who asks."""
    rows = [{"sentence1": row["query"], "sentence2": row["positive"]} for row in SWAPPED]
    assert _find(*rows).kind is Kind.PAIRS


def test_scores_must_be_numbers() -> None:
    """Words under `label` beside sentence1 and sentence2 are refused: contradictions would become positives."""
    row = {"sentence1": "a", "sentence2": "b", "label": "contradiction"}
    roles = _find(row)
    with pytest.raises(DataError, match="'contradiction'") as error:
        scale_scores(roles, ["contradiction"] * 3, DataConfig(), "file")
    assert "--columns" in error.value.hint


def test_scale_is_said_and_can_be_given() -> None:
    """The scale found is told to the user; one in the config wins."""
    roles = _find({"sentence1": "a", "sentence2": "b", "score": 3})
    scaled = scale_scores(roles, [1, 4, "2.5"], DataConfig(), "file")
    assert scaled.score_range == (0, 5)
    assert "scale from 0 to 5" in scaled.said[-1]
    assert scale_scores(roles, [1, 10], DataConfig(score_range=(1, 10)), "file").score_range == (1, 10)


def test_only_a_few_columns_are_listed() -> None:
    """A header that is really a row of long texts does not flood the screen."""
    error = _refuse({f"{n} {'long ' * 100}": "x" for n in range(100)})
    assert len(error.message) < 2000
