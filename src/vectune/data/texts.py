"""Plain texts, for encoding and for a corpus of distractors: one a line, or one a row of a table."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vectune.config import DataConfig
from vectune.data.formats import file_format, open_bytes
from vectune.data.read import file_records
from vectune.errors import DataError, UsageError
from vectune.records import Dropped

TEXT_COLUMNS = ("text", "document", "passage", "content", "sentence", "query", "positive", "input")
STANDARD_INPUT = "-"


def read_texts(path: str, config: DataConfig, column: str | None = None, *, gaps: bool = True) -> Iterator[str]:
    """The texts at `path`, in order: lines of a text file or of standard input (`-`), or a column of a table.

    The column is `column`, or the first of the usual names that the first row has; a `title` beside it is put in front.
    A row that can't be used raises DataError with its number: a text that went missing would shift all after it. For
    the same reason so does a blank line between lines of text, unless `gaps` are welcome.
    """
    find_texts(path)
    place = Path(path)
    if path == STANDARD_INPUT or file_format(place) is None:
        return _lines(path, gaps)
    return _column(place, config, column)


def find_texts(path: str) -> None:
    """Raise UsageError unless `path` is a file or standard input."""
    if path != STANDARD_INPUT and not Path(path).is_file():
        raise UsageError(f"{path} is no file.", "Give a text file, JSONL, CSV or Parquet, or - for standard input.")


def _lines(path: str, gaps: bool) -> Iterator[str]:
    if path == STANDARD_INPUT:
        yield from _decoded(sys.stdin.buffer, "standard input", gaps)
        return
    with open_bytes(Path(path)) as stream:
        yield from _decoded(stream, path, gaps)


def _decoded(stream: Any, name: str, gaps: bool) -> Iterator[str]:
    blank = 0
    for number, line in enumerate(stream, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError as error:
            raise DataError(f"{name} is not UTF-8 in line {number}.", "Save it as UTF-8.") from error
        if not text:
            blank = blank or number
            continue
        if blank and not gaps:
            raise DataError(f"{name} has no text in line {blank}.", "Remove the blank lines: each line is one text.")
        yield text


def _column(path: Path, config: DataConfig, column: str | None) -> Iterator[str]:
    for item in file_records(path, config):
        if isinstance(item, Dropped):
            raise DataError(f"{path} can't be used in row {item.row}: {item.reason}.", "Mend or remove that row.")
        number, fields, _ = item
        column = column or _usual_column(fields, path)
        text = fields.get(column)
        if not isinstance(text, str) or not text.strip():
            raise DataError(
                f"{path} has no text in `{column}` of row {number}.", "Name the right --column, or mend it."
            )
        title = fields.get("title")
        yield f"{title} {text}" if column == "text" and isinstance(title, str) and title else text


def _usual_column(fields: dict[str, Any], path: Path) -> str:
    found = next((name for name in TEXT_COLUMNS if isinstance(fields.get(name), str)), None)
    if found is None:
        raise DataError(f"{path} has no column of texts, only {', '.join(fields)}.", "Name one with --column.")
    return found
