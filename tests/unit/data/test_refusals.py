"""Tests of data/refusals.py."""

from __future__ import annotations

import pytest

from vectune.data.columns import Columns
from vectune.data.refusals import no_roles, refuse_ambiguous, refuse_given, refuse_swapped
from vectune.errors import DataError

ROWS = [{"question": f"It is number {n}.", "answer": f"What is number {n}?", "body": "long " * n} for n in range(1, 6)]
COLUMNS = Columns(ROWS, "faq.csv")


def test_right_columns_pass() -> None:
    """Nothing is refused where there is nothing to mend."""
    refuse_given(COLUMNS, {"anchor": "question", "positive": "answer"})
    refuse_ambiguous(COLUMNS, ("question",), ("answer",))
    refuse_swapped(COLUMNS, "answer", "question")
    refuse_swapped(Columns([{"text1": row["question"]} for row in ROWS], "faq.csv"), "text1", "text2")
    assert COLUMNS.where == "faq.csv"


def test_swapped_columns_name_the_file_and_both_options() -> None:
    """The sentence says what looks wrong; the hint swaps or insists."""
    with pytest.raises(DataError, match=r"question and answer of faq\.csv look swapped") as error:
        refuse_swapped(COLUMNS, "question", "answer")
    assert error.value.hint == (
        "swap them with --columns anchor=answer,positive=question, "
        "or insist with --columns anchor=question,positive=answer"
    )


def test_guess_takes_the_longer_text_for_the_document() -> None:
    """Of unknown columns the shorter is offered as the anchor; a known side keeps its column."""
    unknown = Columns([{"body": "long text here", "title": "short", "id": 3}], "faq.csv")
    assert "--columns anchor=title,positive=body" in no_roles(unknown, (), ()).hint
    assert "--columns anchor=body,positive=title" in no_roles(unknown, ("body",), ()).hint
    assert "beside title none is known as the anchor" in no_roles(unknown, (), ("title",)).message
