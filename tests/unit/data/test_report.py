from __future__ import annotations

import json

from vectune.data.findings import Finding
from vectune.data.profile import Lengths, Profile
from vectune.data.report import CheckReport, too_few
from vectune.records import Kind


def report(kept: int) -> CheckReport:
    profile = Profile({"query": Lengths(1, 2.0, 3.0, 4)}, {"en": 1.0}, {"query": 0.0})
    found = (Finding("duplicate_rows", 1, "one", (2,)),)
    return CheckReport("x.jsonl", "pairs", Kind.PAIRS, kept + 1, kept, {"duplicate": 1}, found, profile, ("said",))


def test_the_report_is_json_all_the_way_down() -> None:
    """What summary.json holds can be read back unchanged."""
    plain = report(5).as_json()
    assert json.loads(json.dumps(plain)) == plain
    assert (plain["kind"], plain["rows_read"], plain["dropped"]) == ("pairs", 6, {"duplicate": 1})
    assert plain["profile"]["lengths"]["query"] == {"min": 1, "median": 2.0, "p95": 3.0, "max": 4}


def test_two_rows_are_enough_and_one_is_not() -> None:
    """The error says what became of the others."""
    assert too_few(report(2)) is None
    error = too_few(report(1))
    assert error is not None
    assert "1 duplicate" in error.message
