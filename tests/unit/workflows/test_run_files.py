from __future__ import annotations

import json
from pathlib import Path

from vectune.records import Dropped, Retrieval, Scored, ScoredPair, Splits
from vectune.workflows.run_files import fingerprint_of, write_dropped


def _scored(*numbers: int) -> Scored:
    return Scored(tuple(ScoredPair(f"a{n}", f"b{n}", 0.5, n) for n in numbers))


def test_dropped_rows_are_lines(tmp_path: Path) -> None:
    """Each dropped row is one line of JSON with its number, reason and content, whatever the content."""
    dropped = [Dropped(3, "empty anchor", '{"query": ""}'), Dropped(7, "not utf-8", "caf\ufffd\n\u2028")]
    write_dropped(tmp_path / "dropped.jsonl", {"train": dropped[:1], "test": dropped[1:]})
    lines = (tmp_path / "dropped.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    assert [json.loads(line)["row"] for line in lines] == [3, 7]
    assert [json.loads(line)["split"] for line in lines] == ["train", "test"]
    assert json.loads(lines[1])["content"] == "caf\ufffd\n\u2028"


def test_nothing_dropped_is_an_empty_file(tmp_path: Path) -> None:
    """The file is there in any case."""
    write_dropped(tmp_path / "dropped.jsonl", {"all": []})
    assert (tmp_path / "dropped.jsonl").read_bytes() == b""


def test_fingerprint_knows_the_sides() -> None:
    """The same rows divided otherwise are another data set; their order within a side is not."""
    first = fingerprint_of(Splits(_scored(1, 2, 3), _scored(4), _scored(5)))
    assert first == fingerprint_of(Splits(_scored(3, 1, 2), _scored(4), _scored(5)))
    assert first != fingerprint_of(Splits(_scored(1, 2), _scored(3, 4), _scored(5)))
    assert first.startswith("sha256:")
    empty = Retrieval({}, {}, {})
    assert fingerprint_of(Splits(empty, empty, empty)).startswith("sha256:")
