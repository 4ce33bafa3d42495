"""Tests of data/tables.py."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from vectune.data.tables import table_records
from vectune.errors import DataError
from vectune.records import Dropped


def _read(path: Path, content: bytes, form: str = "csv", max_chars: int = 1000) -> list[Any]:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    items = table_records(path, form, max_chars)
    return [(item.row, item.reason) if isinstance(item, Dropped) else (item[0], item[1]) for item in items]


def test_rows_are_numbered_by_the_line_they_begin_on(tmp_path: Path) -> None:
    """A quoted text may go over several lines, blank ones too."""
    found = _read(tmp_path / "a.csv", b'a,b\n1,"x\n\ny"\r\n2,z\n')
    assert found == [(2, {"a": "1", "b": "x\n\ny"}), (5, {"a": "2", "b": "z"})]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found_in_the_header(tmp_path: Path, delimiter: str) -> None:
    """A .csv with semicolons, tabs or bars is read as its writer meant it."""
    content = f'a{delimiter}b\n"x, y; z"{delimiter}w\n'
    assert _read(tmp_path / "a.csv", content.encode()) == [(2, {"a": "x, y; z", "b": "w"})]


def test_bad_lines_are_dropped_with_their_numbers(tmp_path: Path) -> None:
    """Bytes that are not UTF-8, too many fields, blank and huge lines have their reasons; the others are read."""
    huge = b"x" * 5_000_000
    content = b"\xef\xbb\xbfa,b\n1,\xff\n1,2,3\n\n" + huge + b",1\n1,2,,\n1\n"
    assert _read(tmp_path / "a.csv", content) == [
        (2, "not utf-8"),
        (3, "wrong number of columns"),
        (4, "empty line"),
        (5, "too long"),
        (6, {"a": "1", "b": "2"}),
        (7, {"a": "1"}),
    ]


def test_quote_that_never_ends_costs_its_line_only(tmp_path: Path) -> None:
    """An open quote does not swallow the rows below, whether it runs into the end, the limit or another quote."""
    for rest, count in ((b"4,5\n", 1), (b"4," + b"5" * 100 + b"\n", 45_000), (b'4,"5"\n', 3)):
        found = _read(tmp_path / "a.csv", b'a,b\n1,2\n3,"open\n' + rest * count)
        assert found[:2] == [(2, {"a": "1", "b": "2"}), (3, "broken csv")]
        assert [item[0] for item in found[2:]] == list(range(4, 4 + count))
        assert {item[1]["a"] for item in found[2:]} == {"4"}


def test_stray_quotes_inside_a_field_are_no_error(tmp_path: Path) -> None:
    """A line that breaks the rules of quoting, but not its neighbours, is read leniently."""
    assert _read(tmp_path / "a.csv", b'a,b\n"Reset" it,x\n"u","v"\n') == [
        (2, {"a": "Reset it", "b": "x"}),
        (3, {"a": "u", "b": "v"}),
    ]


def test_tsv_without_quotes_keeps_its_quotes(tmp_path: Path) -> None:
    """A TSV that is irregular with quotes is read without them."""
    found = _read(tmp_path / "a.tsv", b'a\tb\n"reset" it\t"open\nx\ty\n', "tsv")
    assert found == [(2, {"a": '"reset" it', "b": '"open'}), (3, {"a": "x", "b": "y"})]


def test_tsv_with_quotes_loses_them(tmp_path: Path) -> None:
    """A TSV that quotes what holds tabs is read with quotes."""
    found = _read(tmp_path / "a.tsv.gz", b'a\tb\n"x\ty"\tz\nu\tv\n', "tsv")
    assert found == [(2, {"a": "x\ty", "b": "z"}), (3, {"a": "u", "b": "v"})]


def test_cell_that_is_a_json_list_becomes_a_list(tmp_path: Path) -> None:
    """Only a cell that parses as a list is changed."""
    found = _read(tmp_path / "a.csv", b'a,b\n"[""x"", ""y""]","[""x"" or not]"\n')
    assert found == [(2, {"a": ["x", "y"], "b": '["x" or not]'})]


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    """A header that names a column twice is no header that can be used."""
    with pytest.raises(DataError, match="two columns named 'a'"):
        _read(tmp_path / "a.csv", b"a,a\n1,2\n")


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("csv", b'\n\r\na,b\n"x, y",z\n'),
        ("csv", b'a, b\n "x, y", z\n'),
        ("csv", b"sep=;\r\na;b\r\nx, y;z\r\n"),
        ("csv", b"sep=\t\na\tb\nx, y\tz\n"),
        ("csv", b'"a";"b"\n"x, y";"z"\n'),
        ("tsv", b'a,b\n"x, y",z\n'),
    ],
)
def test_odd_dialects_are_read_as_meant(tmp_path: Path, form: str, content: bytes) -> None:
    """Blank lines or Excel's "sep=" before the header, blanks before quotes, commas under .tsv."""
    ((_, fields),) = _read(tmp_path / "a", content, form)
    assert fields == {"a": "x, y", "b": "z"}


def test_delimiters_inside_a_quoted_name_do_not_count(tmp_path: Path) -> None:
    """The header's own delimiter wins over those in one of its names."""
    assert _read(tmp_path / "a.csv", b'a;"b, in words, really"\nx;y\n') == [(2, {"a": "x", "b, in words, really": "y"})]


def test_quotes_after_a_backslash_belong_to_the_text(tmp_path: Path) -> None:
    """A dump that writes \\" for a quote loses no character; elsewhere a backslash is only itself."""
    escaped = b'a,b\n"say \\"on\\", then, go",z\n"y","C:\\\\new"\n'
    found = _read(tmp_path / "a.csv", escaped)
    assert found == [(2, {"a": 'say "on", then, go', "b": "z"}), (3, {"a": "y", "b": "C:\\new"})]
    plain = b'a,b\n"C:\\","he said ""go"""\nx,y\\z\n'
    found = _read(tmp_path / "b.csv", plain)
    assert found == [(2, {"a": "C:\\", "b": 'he said "go"'}), (3, {"a": "x", "b": "y\\z"})]
