from __future__ import annotations

import numpy as np

from tests.unit.data.checked_rows import codes, examined
from vectune.data.near_duplicates import Links
from vectune.data.profile import Limits
from vectune.data.row_findings import near_duplicate_findings, truncation_findings
from vectune.records import Kind, LabelledText, Pair, ScoredPair

LONG = "how do i set the alarm clock on the kitchen shelf so that it rings at seven in the morning every day"


def test_near_duplicates_are_told_with_their_rows_and_kept() -> None:
    """A question mark more is a near-duplicate, on either side; both rows stay."""
    rows = [
        Pair(LONG, ("first answer",), (), 3),
        Pair("something else", (LONG,), (), 5),
        Pair(LONG + " ?", ("second answer",), (), 8),
        Pair("yet another", (LONG + " !",), ("no",), 9),
    ]
    found, kept, _ = examined(rows, Kind.PAIRS)
    findings = {finding.code: finding for finding in found.report.findings}
    assert findings["near_duplicate_queries"].examples == (3, 8)
    assert findings["near_duplicate_documents"].examples == (5, 9)
    assert "rows 3 and 8" in findings["near_duplicate_queries"].message
    assert len(kept) == 4


def test_repeated_queries_are_not_near_duplicates() -> None:
    """Equal texts are one query with several answers, which is nothing to warn about."""
    rows = [Pair(LONG, ("first answer",), (), 1), Pair(LONG, ("second answer",), (), 2)]
    assert codes(examined(rows, Kind.PAIRS)[0]) == {}


def test_labels_with_one_text_are_told() -> None:
    """Duplicates do not make a second text."""
    rows = [
        LabelledText("one", "x", 1),
        LabelledText("two", "x", 2),
        LabelledText("three", "y", 3),
        LabelledText("three", "y", 4),
    ]
    found, _, _ = examined(rows, Kind.LABELLED)
    (single,) = (finding for finding in found.report.findings if finding.code == "single_text_labels")
    assert (single.count, single.examples) == (1, (3,))


def test_a_single_label_is_told() -> None:
    """Texts that all have one label can't be told apart, and the check says so before anything is trained."""
    rows = [LabelledText("one", "x", 1), LabelledText("two", "x", 2)]
    assert codes(examined(rows, Kind.LABELLED)[0]) == {"only_label": 2}
    assert codes(examined([*rows, LabelledText("three", "y", 3)], Kind.LABELLED)[0]) == {"single_text_labels": 1}


def test_every_problem_has_its_finding() -> None:
    """Counts in findings are counts of the planted problems, worst first."""
    rows = [
        ScoredPair("a", "b", 0.0, 1),
        ScoredPair("a", "b", 1.0, 2),
        ScoredPair("c", "d", 1.0, 3),
        ScoredPair("c", "d", 1.0, 4),
        ScoredPair("e", "f", 1.0, 5),
    ]
    assert list(codes(examined(rows, Kind.SCORED)[0]).items()) == [("contradicting_scores", 2), ("duplicate_rows", 1)]
    triplets = [
        Pair("q", ("a",), ("b",), 1),
        Pair("q", ("b",), ("c",), 2),
        Pair("r", ("d",), ("e",), 3),
    ]
    found, _, _ = examined(triplets, Kind.TRIPLETS)
    (wrong,) = found.report.findings
    assert (wrong.code, wrong.count, wrong.examples) == ("negative_is_positive", 1, (1,))
    assert "1 triplet went" in wrong.message


def test_cutting_is_a_finding_from_one_per_cent_on() -> None:
    """One long text in a thousand is not worth a line."""
    found = truncation_findings({"query": 0.001, "document": 0.25}, Limits(None, 256))
    assert [(finding.code, finding.count) for finding in found] == [("truncated_documents", 25)]
    assert "256 tokens" in found[0].message
    assert truncation_findings(None, Limits()) == ()


def test_comparisons_that_were_left_out_are_told() -> None:
    """A search that was cut short does not pass for a complete one, whether or not it found anything."""
    rows = np.array([3, 8, 9])
    nothing = np.zeros(0, np.int64)
    (cut,) = near_duplicate_findings("query", Links(nothing, nothing, np.zeros(0), unfinished=1_200), rows)
    assert (cut.code, cut.count) == ("uncompared_queries", 1_200)
    assert "1,200 queries look like too many others" in cut.message
    linked = Links(np.array([0]), np.array([1]), np.array([0.9]), unfinished=1)
    assert [f.code for f in near_duplicate_findings("text", linked, rows)] == [
        "near_duplicate_texts",
        "uncompared_texts",
    ]
    assert near_duplicate_findings("text", Links(nothing, nothing, np.zeros(0)), rows) == ()
