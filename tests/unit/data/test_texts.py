from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from vectune.config import DataConfig
from vectune.data.texts import read_texts
from vectune.errors import DataError, UsageError

TEXTS = ["one text", "zwei Wörter", "three"]


def _read(path: Path | str, column: str | None = None, *, gaps: bool = True) -> list[str]:
    return list(read_texts(str(path), DataConfig(), column, gaps=gaps))


def test_each_line_is_a_text(tmp_path: Path) -> None:
    """Lines come in order, trimmed, a byte order mark left out; blank lines at the end are none."""
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + "\n".join(TEXTS).encode() + b"  \r\n\n")
    assert _read(tmp_path / "a.txt", gaps=False) == TEXTS


def test_blank_line_in_between_is_named(tmp_path: Path) -> None:
    """A gap would shift all vectors after it: it is an error with its line number, unless gaps are welcome."""
    (tmp_path / "a.txt").write_text("one\n\n\ntwo\n")
    assert _read(tmp_path / "a.txt") == ["one", "two"]
    with pytest.raises(DataError, match="no text in line 2"):
        _read(tmp_path / "a.txt", gaps=False)


def test_standard_input_is_read_by_its_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` reads lines from standard input; what is no UTF-8 there is named by its line."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(TEXTS).encode())))
    assert _read("-") == TEXTS
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"one\n\xff\xfe\n")))
    with pytest.raises(DataError, match="standard input is not UTF-8 in line 2"):
        _read("-")


def test_column_is_found_or_named(tmp_path: Path) -> None:
    """A table's usual column is taken, another when named; a title goes in front of the text."""
    rows = [{"title": "A", "text": "one", "body": "uno"}, {"title": "", "text": "two", "body": "due"}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert _read(tmp_path / "a.jsonl") == ["A one", "two"]
    assert _read(tmp_path / "a.jsonl", "body") == ["uno", "due"]


@pytest.mark.parametrize(
    ("rows", "column", "found"),
    [
        ([{"text": "one"}, {"text": " "}], None, "no text in `text` of row 2"),
        ([{"text": "one"}, {"other": "two"}], None, "no text in `text` of row 2"),
        ([{"text": "one"}], "body", "no text in `body` of row 1"),
        ([{"number": 1}], None, "no column of texts, only number"),
    ],
)
def test_row_without_a_text_is_named(
    rows: list[dict[str, object]], column: str | None, found: str, tmp_path: Path
) -> None:
    """Nothing is skipped in silence: the first row without a text ends the reading, with its number and a hint."""
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match=found) as caught:
        _read(tmp_path / "a.jsonl", column)
    assert caught.value.hint


def test_broken_row_and_missing_file(tmp_path: Path) -> None:
    """A line that is no JSON is named; a path where nothing lies is asked wrongly."""
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n{"text": "tw\n')
    with pytest.raises(DataError, match="row 2"):
        _read(tmp_path / "a.jsonl")
    with pytest.raises(UsageError, match="is no file"):
        _read(tmp_path / "nowhere.txt")
