"""Tests of data/rows.py."""

from __future__ import annotations

from typing import Any

import pytest

from vectune.data import reasons
from vectune.data.roles import Roles
from vectune.data.rows import compile_mapper, same_text
from vectune.records import Kind, LabelledText, Pair, ScoredPair

PAIRS = Roles(Kind.PAIRS, "lists", {"anchor": ("q",), "positive": ("p",), "negative": ("n", "n2")})
TRIPLETS = Roles(Kind.TRIPLETS, "triplets", {"anchor": ("q",), "positive": ("p",), "negative": ("n",)})
SCORED = Roles(Kind.SCORED, "scored pairs", {"first": ("a",), "second": ("b",), "score": ("s",)}, (0, 5))
LABELLED = Roles(Kind.LABELLED, "labelled texts", {"text": ("t",), "label": ("m.l",)})


def _map(roles: Roles, fields: dict[str, Any], max_chars: int = 100) -> tuple[Any, list[str]]:
    parts: list[str] = []
    return compile_mapper(roles, max_chars)(fields, 7, parts), parts


def test_pair_gathers_lists_and_columns() -> None:
    """Positives and negatives of lists and of several columns come together in order; nulls are padding."""
    row, parts = _map(PAIRS, {"q": "ask", "p": ["yes", None, "sure"], "n": ["no"], "n2": "never"})
    assert row == Pair("ask", ("yes", "sure"), ("no", "never"), 7)
    assert parts == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"p": "x"}, "missing anchor"),
        ({"q": None, "p": "x"}, "missing anchor"),
        ({"q": " \n", "p": "x"}, "empty anchor"),
        ({"q": 12, "p": "x"}, "not text"),
        ({"q": ["a"], "p": "x"}, "not text"),
        ({"q": "a\0b", "p": "x"}, "not text"),
        ({"q": "a" * 101, "p": "x"}, "too long"),
        ({"q": "a"}, "missing positive"),
        ({"q": "a", "p": []}, "missing positive"),
        ({"q": "a", "p": ""}, "empty positive"),
        ({"q": "a", "p": ["b" * 101]}, "too long"),
        ({"q": "a", "p": "b", "n": "c" * 101}, "too long"),
        ({"q": "Reset it", "p": " reset  IT "}, "anchor equals positive"),
        ({"q": "a", "p": ["A", "a "]}, "anchor equals positive"),
    ],
)
def test_unusable_pair_has_its_reason(fields: dict[str, Any], reason: str) -> None:
    """Each way in which a pair can be unusable has its slug, and the slug is in the table."""
    assert _map(PAIRS, fields)[0] == reason
    assert reason in reasons.REASONS


def test_bad_part_of_a_list_is_told_and_the_row_kept() -> None:
    """One bad text of many costs that text, not the row."""
    row, parts = _map(PAIRS, {"q": "ask", "p": ["yes", "Ask", 3], "n": ["", "no", {"x": 1}], "n2": " "})
    assert row == Pair("ask", ("yes",), ("no",), 7)
    assert sorted(parts) == sorted(
        [reasons.PART_SAME_TEXT, reasons.PART_NOT_TEXT, reasons.PART_EMPTY, reasons.PART_NOT_TEXT]
    )
    assert set(parts) <= reasons.PARTS


def test_triplet_needs_its_negative() -> None:
    """A triplet without a negative is dropped; with one it is a pair with one negative."""
    assert _map(TRIPLETS, {"q": "a", "p": "b", "n": ""})[0] == "missing negative"
    assert _map(TRIPLETS, {"q": "a", "p": "b", "n": "c"})[0] == Pair("a", ("b",), ("c",), 7)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (5, 1.0),
        ("2.5", 0.5),
        (0, 0.0),
        (5.1, "score out of range"),
        (-1, "score out of range"),
        ("high", "score not a number"),
        ([1], "score not a number"),
        (None, "missing score"),
        ("", "missing score"),
    ],
)
def test_score_is_brought_to_0_to_1_or_dropped(score: Any, expected: float | str) -> None:
    """Scores on 0 to 5 become 0 to 1; wrong ones have their reason."""
    found = _map(SCORED, {"a": "x", "b": "y", "s": score})[0]
    assert found == (ScoredPair("x", "y", expected, 7) if isinstance(expected, float) else expected)


def test_equal_texts_may_be_a_scored_pair() -> None:
    """Two equal texts of score 5 teach what equal means, so they are kept."""
    assert _map(SCORED, {"a": "x", "b": "x", "s": 5})[0] == ScoredPair("x", "x", 1.0, 7)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("news", "news"),
        (" 3 ", "3"),
        (3, "3"),
        (3.0, "3"),
        (True, "true"),
        (0.5, None),
        ([1], None),
        ("", ""),
        (None, ""),
    ],
)
def test_label_is_a_text_or_a_whole_number(label: Any, expected: str | None) -> None:
    """Classes become texts; fractions and lists are none."""
    found = _map(LABELLED, {"t": "x", "m": {"l": label}})[0]
    assert found == (
        LabelledText("x", expected, 7) if expected else ("missing label", "label not a class")[expected is None]
    )


def test_missing_object_is_a_missing_label() -> None:
    """A path into an object that is not there finds nothing, and breaks nothing."""
    assert _map(LABELLED, {"t": "x", "m": "no object"})[0] == "missing label"
    assert _map(LABELLED, {"t": "x", "m.l": "written flat"})[0] == LabelledText("x", "written flat", 7)


def test_infinite_label_is_no_class() -> None:
    """A label beyond numbers is dropped, not a crash."""
    assert _map(LABELLED, {"t": "x", "m": {"l": float("inf")}})[0] == "label not a class"
    assert _map(LABELLED, {"t": "x", "m": {"l": float("nan")}})[0] == "label not a class"


def test_same_text_ignores_case_and_space_but_not_words() -> None:
    """The comparison is that of `normal`."""
    assert same_text("Reset  it", "reset it")
    assert not same_text("reset it", "reset its")
    assert not same_text("a", "a " + "b" * 100)
