from __future__ import annotations

import pytest

from tests.unit.report.outline import Outline
from vectune.report.markup import element
from vectune.report.tables import Column, card, chip, fact_list, group, table, tile


def test_table_heads_columns_and_rows() -> None:
    """Every column and every row has a heading that screen readers follow, and the table a caption."""
    outline = Outline(
        table([Column("Name", numeric=False), Column("N")], [["a", "1"], ["b", "2"]], caption="c", strong=1)
    )
    assert len(outline.all("th", scope="col")) == 2
    assert len(outline.all("th", scope="row")) == 2
    assert outline.texts[0] == "c"
    assert outline.all("tr", class_="strong") == [{"class": "strong"}]
    assert len(outline.all("td", class_="n")) == 2


def test_row_of_another_length_is_refused() -> None:
    """A row that has not a cell for every column is a mistake of ours."""
    with pytest.raises(ValueError, match="zip"):
        table([Column("A"), Column("B")], [["a"]], caption="c")


def test_group_without_cards_is_nothing() -> None:
    """A heading never stands alone."""
    assert group("Title", "id", None, None) == ""
    shown = Outline(group("Title", "id", None, card("C", "body"), flow=True))
    assert shown.text == "Title C body"
    assert shown.all("section", id="id")


def test_small_parts_escape_their_text() -> None:
    """Chips, tiles and facts take any text as text."""
    made = element(
        "div", chip("<x>", "good"), tile("<n>", "<v>", "<u>"), fact_list([("<f>", "<g>")]), card("<t>", "<c>")
    )
    outline = Outline(made)
    assert {tag for tag, _ in outline.elements} <= {"div", "span", "dl", "dt", "dd", "section", "h3"}
    assert outline.texts == ["<x>", "<n>", "<v>", "<u>", "<f>", "<g>", "<t>", "<c>"]
