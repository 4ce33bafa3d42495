"""Tests of data/source.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.data.sample_files import PAIRS, read, stream_of, write_jsonl
from vectune.config import DataConfig
from vectune.data.source import Source, open_source
from vectune.errors import DataError, UsageError, VectuneError
from vectune.records import Pair


def _open(path: Path | str) -> Source:
    return open_source(str(path), DataConfig())


def test_file_is_one_stream(tmp_path: Path) -> None:
    """A file has no official splits, even when files of other splits lie beside it."""
    path = write_jsonl(tmp_path / "train.jsonl", PAIRS)
    write_jsonl(tmp_path / "test.jsonl", PAIRS)
    source = _open(path)
    assert (source.format, source.splits, source.streams) == ("jsonl", (), ("all",))


def test_folder_of_splits_is_found_in_order(tmp_path: Path) -> None:
    """Validation is called dev, other files are left alone and named, and the formats may differ."""
    write_jsonl(tmp_path / "test.jsonl.gz", PAIRS)
    write_jsonl(tmp_path / "train.jsonl", PAIRS)
    (tmp_path / "validation.csv").write_text("query,positive\na,b\nc,d\n", encoding="utf-8")
    write_jsonl(tmp_path / "notes.jsonl", [{"x": 1}])
    source = _open(tmp_path)
    assert source.splits == ("train", "dev", "test")
    assert [len(read(tmp_path, split)[0]) for split in source.splits] == [3, 2, 3]
    assert len(read(tmp_path)[0]) == 8
    assert any("notes.jsonl" in sentence for sentence in stream_of(tmp_path).roles.said)


def test_shards_are_one_split_numbered_on(tmp_path: Path) -> None:
    """Shards in a data folder, as hubs keep them, are read one after another, numbers going on."""
    write_jsonl(tmp_path / "data" / "train-00000-of-00002.jsonl", [*PAIRS, b"broken"])
    write_jsonl(tmp_path / "data" / "train-00001-of-00002.jsonl", [b"broken", *PAIRS])
    rows, dropped = read(tmp_path, "train")
    assert [row.row for row in rows] == [1, 2, 3, 6, 7, 8]
    assert [drop.row for drop in dropped] == [4, 5]


def test_two_files_for_one_split_are_refused(tmp_path: Path) -> None:
    """dev and validation beside each other are ambiguous."""
    for name in ("train", "dev", "validation"):
        write_jsonl(tmp_path / f"{name}.jsonl", PAIRS)
    with pytest.raises(DataError, match="two files for dev"):
        _open(tmp_path)


def test_only_file_of_a_folder_is_read_and_said(tmp_path: Path) -> None:
    """A folder with one data file stands for it."""
    write_jsonl(tmp_path / "faq.jsonl", PAIRS)
    (tmp_path / "README.md").write_text("about", encoding="utf-8")
    source = _open(tmp_path)
    assert (source.format, source.splits) == ("jsonl", ())
    assert "faq.jsonl" in source.said[0]
    assert source.said[0] in stream_of(tmp_path).roles.said


@pytest.mark.parametrize("names", [(), ("a.jsonl", "b.jsonl"), ("readme.txt",)])
def test_folder_that_can_be_anything_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    """No data file, or several without split names, is told with what a folder may hold."""
    for name in names:
        write_jsonl(tmp_path / name, PAIRS)
    with pytest.raises(DataError) as error:
        _open(tmp_path)
    assert "train, dev and test" in error.value.hint


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("none.jsonl", "does not exist"),
        ("none", "does not exist"),
        ("here/none", "does not exist"),
        ("here/none/deep", "does not exist"),
        ("notes.txt", "no ending that vectune knows"),
        ("notes", "no ending that vectune knows"),
    ],
)
def test_wrong_path_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str) -> None:
    """A path that is mistyped, or names a file of unknown ending, is told without asking any hub."""
    (tmp_path / "here").mkdir()
    for file in ("notes.txt", "notes"):
        (tmp_path / file).write_text("text", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=says) as error:
        _open(name)
    assert error.value.hint


def test_what_a_file_really_holds_is_said(tmp_path: Path) -> None:
    """JSON lines under .json are read, and the user is told."""
    path = write_jsonl(tmp_path / "a.json", PAIRS)
    source = _open(path)
    assert source.format == "jsonl"
    assert "JSON lines" in source.said[0]
    assert isinstance(read(path)[0][0], Pair)


def test_empty_and_binary_files_are_refused_at_once(tmp_path: Path) -> None:
    """Opening looks at the first bytes, so that a command fails before it does anything."""
    for name, content in (("a.csv", b""), ("b.jsonl", b"\0\1\2" * 50), ("c.json", b" ")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(VectuneError):
            _open(tmp_path / name)
