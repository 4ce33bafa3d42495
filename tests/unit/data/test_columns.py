"""Tests of data/columns.py."""

from __future__ import annotations

from vectune.data.columns import Columns, getter, plain

SAMPLE = [
    {"Query": "a", "info": {"topic": "x"}, "list": ["one", "two"], "n": 1},
    {"Query": " ", "late": "b", "n": None, "a.b": "flat"},
]


def test_names_come_from_all_rows_in_order() -> None:
    """A column that only some rows have is a column too."""
    assert Columns(SAMPLE, "file").names == ("Query", "info", "list", "n", "late", "a.b")


def test_getter_reaches_into_objects_unless_the_name_has_the_dot() -> None:
    """A path finds the inner value, a name with a dot its own column, and both find None elsewhere."""
    assert [getter("info.topic")(fields) for fields in SAMPLE] == ["x", None]
    assert [getter("a.b")(fields) for fields in SAMPLE] == [None, "flat"]
    assert getter("list.0")(SAMPLE[0]) is None


def test_texts_are_not_blank_and_lists_show_their_first() -> None:
    """What the roles look at is text that says something."""
    columns = Columns(SAMPLE, "file")
    assert columns.texts("Query") == ["a"]
    assert columns.texts("list") == ["one"]
    assert columns.values("n") == [1]


def test_columns_are_found_by_name_when_they_hold_text() -> None:
    """Case does not matter, numbers are no text, and the order is that of the names asked for."""
    columns = Columns(SAMPLE, "file")
    assert columns.by_names(["list", "n", "query"]) == ("list", "Query")
    assert plain(" Neg-Doc ") == plain("neg doc") == "neg_doc"


def test_single_texts_are_told_from_lists_and_gaps() -> None:
    """Nineteen of twenty rows must hold a text, and none a list."""
    full, gap, many = {"a": "x"}, {"a": ""}, {"a": ["x"]}
    assert Columns([full] * 19 + [gap], "file").are_single_texts("a")
    assert not Columns([full] * 18 + [gap] * 2, "file").are_single_texts("a")
    assert not Columns([full] * 19 + [many], "file").are_single_texts("a")


def test_long_lists_of_columns_are_cut_when_shown() -> None:
    """Messages show twenty names of sixty characters at most."""
    shown = str(Columns([{f"{n}{'x' * 100}": 1 for n in range(30)}], "file"))
    assert shown.endswith(", ...")
    assert len(shown) < 20 * 63
    assert str(Columns([{}], "file")) == "none"
