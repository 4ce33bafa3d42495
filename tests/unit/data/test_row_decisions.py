from __future__ import annotations

import orjson

from tests.unit.data.checked_rows import examined
from vectune.data.row_decisions import NEGATIVE_REMOVED, columns_of, shown
from vectune.records import Dropped, Kind, LabelledText, Pair, ScoredPair

FILLER = [Pair("another question", ("another answer",), (), 90), Pair("third question", ("third answer",), (), 91)]


def test_a_repeated_row_goes_and_names_the_first() -> None:
    """Texts are compared as `normal` sees them; the order of equal roles does not count."""
    rows = [
        Pair("Q", ("a", "b"), ("n",), 3),
        Pair(" q ", ("B", "a"), ("N",), 5),
        Pair("q", ("a", "b"), (), 6),
        Pair("q", ("a", "n"), ("b",), 7),
    ]
    found, kept, dropped = examined([*rows[:3], *FILLER], Kind.PAIRS)
    assert [(drop.row, drop.reason) for drop in dropped] == [(5, "duplicate of row 3")]
    assert orjson.loads(dropped[0].content) == {"anchor": " q ", "positive": ["B", "a"], "negative": "N"}
    assert found.report.dropped == {"duplicate": 1}
    _, kept, _ = examined([rows[0], rows[3], *FILLER], Kind.PAIRS)
    assert len(kept) == 4, "roles swapped is no duplicate"


def test_a_negative_that_is_a_known_positive_is_taken_out_of_its_row() -> None:
    """The positive may stand in another row with the same anchor; other anchors keep the text as a negative."""
    rows = [
        Pair("q", ("good",), ("bad", "Other Good", "worse"), 1),
        Pair("Q", ("other good",), (), 2),
        Pair("r", ("something",), ("good",), 3),
    ]
    found, kept, dropped = examined(rows, Kind.PAIRS)
    assert kept == [Pair("q", ("good",), ("bad", "worse"), 1), *rows[1:]]
    assert [(drop.row, drop.reason) for drop in dropped] == [(1, NEGATIVE_REMOVED)]
    assert orjson.loads(dropped[0].content)["negative"] == "Other Good"
    assert found.report.rows_kept == 3
    assert found.report.dropped == {}


def test_a_triplet_without_its_negative_is_no_triplet() -> None:
    """Triplets need one negative each, so the row goes."""
    rows = [
        Pair("q", ("good",), ("also good",), 1),
        Pair("q", ("also good",), ("bad",), 2),
        Pair("r", ("x",), ("y",), 3),
    ]
    found, kept, dropped = examined(rows, Kind.TRIPLETS)
    assert [row.row for row in kept] == [2, 3]
    assert [(drop.row, drop.reason) for drop in dropped] == [(1, "negative is a known positive")]
    assert found.report.dropped == {"negative is a known positive": 1}


def test_scores_that_contradict_take_all_their_rows_along() -> None:
    """More than 0.2 apart on one pair, in either order: nobody knows which is right. 0.2 apart is noise."""
    rows = [
        ScoredPair("a", "b", 0.2, 1),
        ScoredPair("B", "a", 0.9, 2),
        ScoredPair("a", "b", 0.3, 3),
        ScoredPair("a", "c", 0.4, 4),
        ScoredPair("c", "a", 0.6, 5),
    ]
    found, kept, dropped = examined(rows, Kind.SCORED)
    assert [row.row for row in kept] == [4, 5]
    assert {drop.reason for drop in dropped} == {"contradicting scores"}
    assert found.report.dropped == {"contradicting scores": 3}


def test_equal_scored_pairs_with_equal_scores_are_duplicates() -> None:
    """Similarity has no direction."""
    rows = [ScoredPair("a", "b", 0.5, 1), ScoredPair("b", "a", 0.5, 2), ScoredPair("a", "b", 0.6, 3)]
    _, kept, dropped = examined(rows, Kind.SCORED)
    assert [row.row for row in kept] == [1, 3]
    assert dropped[0].reason == "duplicate of row 1"


def test_one_text_with_two_labels_goes_and_repeats_are_duplicates() -> None:
    """Contradictions are found before repeats, so both copies of a contradicting row go for that reason."""
    rows = [
        LabelledText("text", "x", 1),
        LabelledText("TEXT", "y", 2),
        LabelledText("text", "x", 3),
        LabelledText("fine", "x", 4),
        LabelledText("fine", "x", 5),
        LabelledText("good", "y", 6),
    ]
    found, kept, _ = examined(rows, Kind.LABELLED)
    assert [row.row for row in kept] == [4, 6]
    assert found.report.dropped == {"duplicate": 1, "contradicting labels": 3}


def test_dropped_lines_pass_through_in_their_place() -> None:
    """What the reader left out stays in the order of the source."""
    items = [FILLER[0], Dropped(2, "broken json", "{"), FILLER[1]]
    found, kept, dropped = examined(items, Kind.PAIRS)
    assert (kept, dropped) == (FILLER, [items[1]])
    assert found.report.rows_read == 3


def test_columns_are_those_that_the_reader_knows() -> None:
    """A single text is a string, several are a list, none leave the column out; a side that is listed is a list in any
    case. Long rows are cut when shown."""
    assert columns_of(Pair("a", ("b",), (), 1)) == {"anchor": "a", "positive": "b"}
    assert columns_of(Pair("a", ("b", "c"), ("d",), 1)) == {"anchor": "a", "positive": ["b", "c"], "negative": "d"}
    for negatives in ((), ("d",), ("d", "e")):
        written = columns_of(Pair("a", ("b",), negatives, 1), ("negative",))
        assert written == {"anchor": "a", "positive": "b", "negative": list(negatives)}
    assert columns_of(Pair("a", ("b",), ("d",), 1), Kind.TRIPLETS) == {"anchor": "a", "positive": "b", "negative": "d"}
    assert columns_of(ScoredPair("a", "b", 0.5)) == {"sentence1": "a", "sentence2": "b", "score": 0.5}
    assert columns_of(LabelledText("a", "b")) == {"text": "a", "label": "b"}
    assert len(shown(LabelledText("a" * 5_000, "b"))) == 2_000
