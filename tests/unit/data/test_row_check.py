from __future__ import annotations

from dataclasses import replace

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.data.checked_rows import Held, examined, stream_of
from vectune.config import DataConfig
from vectune.data import reasons
from vectune.data.profile import Limits
from vectune.data.row_check import BLOCK, examine
from vectune.data.row_decisions import NEGATIVE_REMOVED
from vectune.records import Dropped, Kind, LabelledText, Pair, Row, ScoredPair

TEXT = st.sampled_from(["a", "b", "A ", "c d", "e"])
PAIR = st.builds(Pair, TEXT, st.lists(TEXT, min_size=1, max_size=2).map(tuple), st.lists(TEXT, max_size=2).map(tuple))
TRIPLET = st.builds(Pair, TEXT, TEXT.map(lambda text: (text,)), TEXT.map(lambda text: (text,)))
SCORED = st.builds(ScoredPair, TEXT, TEXT, st.sampled_from([0.0, 0.1, 0.5, 1.0]))
LABELLED = st.builds(LabelledText, TEXT, st.sampled_from(["x", "y"]))
DROPPED = st.builds(Dropped, st.just(1), st.sampled_from(["broken json", "empty anchor", *sorted(reasons.PARTS)]))
ROWS = {Kind.PAIRS: PAIR, Kind.TRIPLETS: TRIPLET, Kind.SCORED: SCORED, Kind.LABELLED: LABELLED}


@settings(deadline=None, max_examples=60)
@given(st.data(), st.sampled_from(list(ROWS)))
def test_nothing_is_dropped_in_silence(data: st.DataObject, kind: Kind) -> None:
    """Kept rows and reasons add up to all that was read, and every drop has its line, whatever the rows."""
    items: list[Row | Dropped] = data.draw(st.lists(ROWS[kind] | DROPPED, max_size=14))
    found, kept, dropped = examined(items, kind)
    report = found.report
    parts = reasons.PARTS | {NEGATIVE_REMOVED}
    assert report.rows_read == sum(not (isinstance(i, Dropped) and i.reason in reasons.PARTS) for i in items)
    assert report.rows_kept + sum(report.dropped.values()) == report.rows_read
    assert len(kept) == report.rows_kept
    assert sum(drop.reason not in parts for drop in dropped) == sum(report.dropped.values())


@settings(deadline=None, max_examples=40)
@given(st.lists(PAIR, max_size=10))
def test_no_text_of_a_pair_is_lost_but_by_name(rows: list[Pair]) -> None:
    """Every negative of a kept row is still there or stands in a line of its own."""
    rows = [replace(row, row=number) for number, row in enumerate(rows, start=1)]
    _, kept, dropped = examined(rows, Kind.PAIRS)
    lines = {drop.row: orjson.loads(drop.content) for drop in dropped if drop.reason == NEGATIVE_REMOVED}
    for row in kept:
        assert isinstance(row, Pair)
        gone = lines.get(row.row, {}).get("negative", [])
        assert sorted([*row.negatives, *([gone] if isinstance(gone, str) else gone)]) == sorted(
            rows[row.row - 1].negatives
        )


def test_clean_rows_stay_clean_when_checked_again() -> None:
    """What one check keeps the next one keeps."""
    rows = [
        Pair("q", ("a",), ("b", "c"), 1),
        Pair("q", ("b",), (), 2),
        Pair("q", ("a",), ("c", "b"), 3),
        Pair("r", ("d",), (), 4),
    ]
    _, kept, _ = examined(rows, Kind.PAIRS)
    again, same, dropped = examined(kept, Kind.PAIRS)
    assert (same, dropped) == (kept, [])
    assert again.report.findings == ()


def test_too_many_bad_lines_give_an_error_and_a_full_report() -> None:
    """The refusal waits beside the report, so that what was dropped can still be written."""
    items = [Pair("a", ("b",), (), 1), Dropped(2, "broken json", "{"), Pair("c", ("d",), (), 3)]
    found, _, dropped = examined(items, Kind.PAIRS)
    assert found.refusal is not None
    assert "1 of 3" in found.refusal.message
    assert dropped == [items[1]]
    assert examined(items, Kind.PAIRS, DataConfig(max_bad=0.4))[0].refusal is None


def test_duplicates_are_not_bad_lines() -> None:
    """A file of repeats is read as long as two different rows are left."""
    rows = [Pair("a", ("b",), (), i) for i in range(1, 20)]
    assert examined([*rows, Pair("c", ("d",), (), 20)], Kind.PAIRS)[0].refusal is None
    refusal = examined(rows, Kind.PAIRS)[0].refusal
    assert refusal is not None
    assert "1 row is left of 19" in refusal.message


@pytest.mark.parametrize("count", [0, 1])
def test_a_stream_that_gives_up_is_an_error_too(count: int) -> None:
    """Too few rows to go on with: the reader's own words are kept, and what it left out as well."""
    items: list[Row | Dropped] = [Dropped(1, "broken json", "{"), *[Pair("a", ("b",), (), 2)] * count]
    found, _, dropped = examined(items, Kind.PAIRS, DataConfig(max_bad=1.0))
    assert found.refusal is not None
    assert "usable row" in found.refusal.message
    assert dropped == [items[0]]


def test_the_profile_is_of_the_rows_that_stay() -> None:
    """Words by side without duplicates; cut shares by the counter that was given."""

    def count_tokens(texts: object) -> np.ndarray:
        return np.array([len(text.split()) for text in texts])  # type: ignore[attr-defined]

    rows = [Pair("one two", ("a b c d",), (), 1), Pair("one", ("a b",), (), 2), Pair("one", ("a b",), (), 3)]
    profile = examined(rows, Kind.PAIRS, limits=Limits(count_tokens, 3))[0].report.profile
    assert (profile.lengths["query"].min, profile.lengths["query"].median, profile.lengths["query"].max) == (1, 1.5, 2)
    assert (profile.lengths["document"].median, profile.lengths["document"].max) == (3.0, 4)
    assert profile.truncated == {"query": 0.0, "document": 0.5}


def test_blocks_do_not_show() -> None:
    """A duplicate is found across block borders, and progress counts every row."""

    class Count:
        done = 0

        def stage(self, name: str, total: int | None = None) -> None: ...

        def advance(self, amount: int = 1, **values: float) -> None:
            self.done += amount

        def note(self, message: str) -> None: ...

    rows = [LabelledText(f"text {i}", "x", i) for i in range(1, BLOCK + 3)]
    rows.append(LabelledText("text 1", "x", BLOCK + 3))
    count = Count()
    found = examine(stream_of(rows, Kind.LABELLED), "x", DataConfig(), Held(), Limits(), progress=count)
    assert found.report.dropped == {"duplicate": 1}
    assert count.done == len(rows)
