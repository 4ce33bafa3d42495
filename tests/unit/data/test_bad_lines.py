from __future__ import annotations

from vectune.data import reasons
from vectune.data.bad_lines import BadLines
from vectune.records import Dropped


def lines(*reason: str) -> BadLines:
    bad = BadLines()
    for row, why in enumerate(reason, start=11):
        bad.add(Dropped(row, why))
    return bad


def test_too_many_bad_lines_are_refused_with_counts_places_and_the_way_out() -> None:
    """The message names reasons and first lines, the hint an option that would let the data through."""
    bad = lines("broken json", "empty anchor", "broken json", "broken json")
    error = bad.refusal("rows.jsonl", 20, 0.05)
    assert error is not None
    for part in ("rows.jsonl", "4 of 20", "3 broken json", "1 empty anchor", "11, 12, 13", "5%"):
        assert part in error.message
    assert "--max-bad 0.21" in error.hint
    assert bad.refusal("rows.jsonl", 20, 0.21) is None


def test_the_share_itself_is_allowed() -> None:
    """Five in a hundred are not more than 5 %."""
    bad = lines(*["broken json"] * 5)
    assert bad.refusal("x", 100, 0.05) is None
    assert bad.refusal("x", 99, 0.05) is not None
    assert lines().refusal("x", 0, 0.0) is None


def test_parts_of_lists_are_no_bad_lines_but_are_told() -> None:
    """A row that lost one text of a list is still a row."""
    bad = lines(reasons.PART_EMPTY, "broken json")
    assert bad.reasons.total() == 1
    assert [(finding.code, finding.count) for finding in bad.findings()] == [("unreadable", 1), ("texts_left_out", 1)]
