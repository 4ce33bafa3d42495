from __future__ import annotations

from pathlib import Path

from vectune.data.spool import RowSpool
from vectune.records import Dropped, LabelledText, Pair, ScoredPair

ITEMS = [
    Pair("a", ("b", "c"), ("d",), 1),
    Dropped(2, "broken json", "{"),
    ScoredPair("a", "b", 0.25, 3),
    LabelledText("tëxt \ud800", "label", 4),
    Pair("q", ("p",), (), 5),
]


def test_everything_comes_back_in_order_and_as_often_as_asked(tmp_path: Path) -> None:
    """A second and a third pass see what the first one kept, odd characters included."""
    spool = RowSpool(tmp_path)
    spool.add(ITEMS[:2])
    spool.add(ITEMS[2:])
    assert list(spool) == ITEMS
    assert list(spool) == ITEMS
    spool.close()


def test_closing_leaves_nothing_on_disk(tmp_path: Path) -> None:
    """The spool cleans up after itself."""
    spool = RowSpool(tmp_path)
    spool.add(ITEMS)
    spool.close()
    assert list(tmp_path.iterdir()) == []
