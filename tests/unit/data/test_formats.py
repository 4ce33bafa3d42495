"""Tests of data/formats.py."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.unit.data.sample_files import PAIRS, write_jsonl
from vectune.data import reasons
from vectune.data.formats import (
    MIN_LINE_BYTES,
    file_format,
    json_flavour,
    json_records,
    jsonl_records,
    line_limit,
    text_head,
)
from vectune.errors import DataError, UsageError
from vectune.records import Dropped


def _drops(path: Path, max_chars: int = 1000) -> list[tuple[int, str]]:
    return [(item.row, item.reason) for item in jsonl_records(path, max_chars) if isinstance(item, Dropped)]


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.jsonl", "jsonl"), ("A.NDJSON.GZ", "jsonl"), ("x.y.csv.gz", "csv"), ("a.parquet", "parquet"), ("a.txt", None)],
)
def test_ending_names_the_format(name: str, form: str | None) -> None:
    """The ending decides, whatever its case, and .gz is looked through."""
    assert file_format(Path(name)) == form


def test_bad_lines_are_dropped_with_their_numbers(tmp_path: Path) -> None:
    """Each way in which a line can be bad has its reason, and the lines around it are read."""
    bad = [b'{"query": "x"', b'{"query": "\xff"}', b"[1, 2]", b"", b"  ", b"12", b'{"query": "\\ud800"}']
    path = write_jsonl(tmp_path / "a.jsonl", [PAIRS[0], *bad, PAIRS[1]])
    expected = ["broken json", "not utf-8", "not an object", "empty line", "empty line", "not an object", "broken json"]
    assert _drops(path) == list(enumerate(expected, 2))
    assert [item[0] for item in jsonl_records(path, 1000) if not isinstance(item, Dropped)] == [1, 9]


def test_blank_lines_at_the_end_are_no_rows(tmp_path: Path) -> None:
    """A file that ends in empty lines has no bad line."""
    assert _drops(write_jsonl(tmp_path / "a.jsonl", [*PAIRS, b"", b" ", b""])) == []


def test_line_of_5_mb_is_dropped_and_not_kept(tmp_path: Path) -> None:
    """A huge line is cut in the report, and the next line has the right number."""
    path = write_jsonl(tmp_path / "a.jsonl", [PAIRS[0], b'{"query": "' + b"x" * 5_000_000 + b'"}', PAIRS[1]])
    items = list(jsonl_records(path, 1000))
    dropped = items[1]
    assert isinstance(dropped, Dropped)
    assert (dropped.row, dropped.reason, len(dropped.content)) == (2, reasons.TOO_LONG, 2000)
    assert not isinstance(items[2], Dropped)
    assert items[2][0] == 3


def test_line_limit_grows_with_the_texts_allowed() -> None:
    """A text of max_chars fits into a line whatever its script."""
    assert line_limit(10) == MIN_LINE_BYTES
    assert line_limit(5_000_000) == 20_000_000


def test_byte_order_mark_and_gzip_change_nothing(tmp_path: Path) -> None:
    """A mark before the first line is taken off, in a gzipped file too."""
    content = b"\xef\xbb\xbf" + write_jsonl(tmp_path / "a.jsonl", PAIRS).read_bytes()
    packed = tmp_path / "b.jsonl.gz"
    packed.write_bytes(gzip.compress(content))
    assert [item[1] for item in jsonl_records(packed, 1000) if not isinstance(item, Dropped)] == PAIRS


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (bytes(range(256)) * 8, "is a binary file"),
        (b"\x1f\x8b\x08rest", "gzip data"),
        (b"PK\x03\x04rest", "zip data"),
        (b"PAR1rest", "Parquet data"),
        ("query\n".encode("utf-16"), "UTF-16 data"),
    ],
)
def test_what_is_no_text_is_refused_with_a_hint(tmp_path: Path, content: bytes, says: str) -> None:
    """Empty and binary files are told apart from text, and the sentence says what they seem to be."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=says) as error:
        text_head(path)
    assert error.value.hint


def test_one_nul_in_a_text_file_is_a_bad_line_only(tmp_path: Path) -> None:
    """A stray NUL far down does not make the file binary."""
    path = write_jsonl(tmp_path / "a.jsonl", [*PAIRS * 10, b'{"query": "\0"}'])
    assert text_head(path)
    assert _drops(path) == [(31, reasons.BROKEN_JSON)]


def test_damaged_gzip_is_told_in_a_sentence(tmp_path: Path) -> None:
    """A gzip file that is cut short, or is none, gives a DataError."""
    whole = gzip.compress(b'{"query": "x", "positive": "y"}\n' * 1000)
    for content in (whole[: len(whole) // 2], b"no gzip", whole[:-4] + b"0000"):
        path = tmp_path / "a.jsonl.gz"
        path.write_bytes(content)
        with pytest.raises(DataError, match="can't be unpacked"):
            list(jsonl_records(path, 1000))


def test_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    """Reading what is not there blames the command, not the data."""
    with pytest.raises(UsageError, match="does not exist"):
        list(jsonl_records(tmp_path / "none.jsonl", 1000))


@pytest.mark.parametrize(
    ("name", "content", "flavour"),
    [
        ("a.jsonl", '{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("a.json", '{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("a.json", '{"a": 1}\n', "jsonl"),
        ("a.json", 'broken\n{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("a.json", '[{"a": 1}, {"a": 2}]', "json"),
        ("a.json", '[\n  {"a": 1},\n  {"a": 2}\n]', "json"),
        ("a.json", '{"rows": [{"a": 1}]}', "json"),
        ("a.jsonl", '[{"a": 1}, {"a": 2}]', "json"),
        ("a.jsonl", '[\n  {\n    "a": 1\n  }\n]', "json"),
        ("a.jsonl", '["x"]\n{"a": 2}\n', "jsonl"),
        ("a.json", '{"queries": {}, "corpus": {}, "relevant_docs": {}}', "llamaindex"),
        ("a.json", '{\n"queries": {},\n"corpus": {},\n"relevant_docs": {}}', "llamaindex"),
    ],
)
def test_json_is_told_from_json_lines_by_content(tmp_path: Path, name: str, content: str, flavour: str) -> None:
    """The two endings are mixed up often, so the first lines decide."""
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert json_flavour(path) == flavour


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'[{"a": 1},\n{"a" 2}]', "broken JSON in line 2"),
        (b'[{"a": "\xff"}]', "is not UTF-8"),
        (b'{"a": [1]}', "no list of rows"),
        (b"[]", "an empty list"),
        (b'"text"', "no list of rows"),
    ],
)
def test_bad_document_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    """A JSON document breaks as a whole; the sentence says where or why."""
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=says) as error:
        list(json_records(path))
    assert error.value.hint


def test_document_rows_that_are_no_objects_are_dropped(tmp_path: Path) -> None:
    """Rows of a document are numbered from 1, good or bad."""
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"a": 1}, "x", {"a": 2}]')
    assert list(json_records(path)) == [(1, {"a": 1}, None), Dropped(2, "not an object", '"x"'), (3, {"a": 2}, None)]


def _with_giant_line(path: Path, begin: str, end: str) -> Path:
    """A file of JSON with a first line that is too long to be looked at as a row."""
    path.write_text(f'{begin}"a": "{"x" * MIN_LINE_BYTES}"{end}', encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "begin", "end", "flavour"),
    [
        ("a.json", "[{", "}]", "json"),
        ("a.jsonl", "[ {", "}]", "json"),
        ("a.json", '{"data": [{', "}]}", "json"),
        ("a.json", '{"queries": {}, "corpus": {', '}, "relevant_docs": {}}', "llamaindex"),
        ("a.jsonl", "{", '}\n{"a": 1}', "jsonl"),
        ("a.jsonl", "{", "}", "jsonl"),
        ("a.jsonl", '["x", {', "}]", "jsonl"),
    ],
)
def test_a_giant_first_line_does_not_hide_the_format(
    tmp_path: Path, name: str, begin: str, end: str, flavour: str
) -> None:
    """Documents are often written as one line; where no line can be looked at, ending and first bytes decide."""
    assert json_flavour(_with_giant_line(tmp_path / name, begin, end)) == flavour


@pytest.mark.parametrize(
    ("name", "content", "flavour"),
    [
        ("a.jsonl", '{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("a.json", '{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("a.json", '[{"a": 1}, {"a": 2}]', "json"),
    ],
)
def test_blank_lines_at_the_beginning_are_passed_over(tmp_path: Path, name: str, content: str, flavour: str) -> None:
    """More blank lines than are looked at change nothing."""
    path = tmp_path / name
    path.write_text("\n" * 6 + content, encoding="utf-8")
    assert json_flavour(path) == flavour


def test_a_document_in_one_giant_line_is_read(tmp_path: Path) -> None:
    """What `json.dump` writes is read whole, however long its line."""
    path = _with_giant_line(tmp_path / "a.json", '[{"b": 1}, {', "}]")
    assert [item[0] for item in json_records(path) if not isinstance(item, Dropped)] == [1, 2]
