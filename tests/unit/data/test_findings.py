from __future__ import annotations

from vectune.data.findings import EXAMPLES, Finding, counted, in_row_pairs, in_rows


def test_counts_read_well() -> None:
    """One row, two rows, and a separator in thousands."""
    assert [counted(n, "row", "rows") for n in (1, 2, 1200)] == ["1 row", "2 rows", "1,200 rows"]


def test_row_numbers_are_few_and_only_those_that_exist() -> None:
    """Sources without numbers name none."""
    assert in_rows([0, 0]) == ""
    assert in_rows([7]) == " (row 7)"
    assert in_rows(range(1, 50)).count(",") == EXAMPLES - 1
    assert in_row_pairs([(0, 0)]) == ""
    assert in_row_pairs([(3, 8), (9, 12)]) == " (rows 3 and 8, 9 and 12)"


def test_a_finding_becomes_plain_json() -> None:
    """Tuples become lists."""
    plain = Finding("duplicate_rows", 2, "two", (1, 2)).as_json()
    assert plain == {"code": "duplicate_rows", "count": 2, "message": "two", "examples": [1, 2]}
