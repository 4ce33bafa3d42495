"""Files to records: CSV and TSV, plain or gzipped, tolerant line by line."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import orjson

from vectune.data import reasons
from vectune.data.formats import Fields, RawItem, line_limit, numbered_lines, open_bytes, shown, text_head
from vectune.errors import DataError
from vectune.records import Dropped

Quoting = Literal[0, 3]
"""csv.QUOTE_MINIMAL or csv.QUOTE_NONE."""
_DELIMITERS = (",", ";", "\t", "|")
_QUOTED = re.compile(r'"[^"]*"')
_NAMES_DELIMITER = re.compile(r"sep=(.)\s*")
"""The line that Excel writes, and reads, before the header."""


class _Dialect(NamedTuple):
    """How the fields of a table are told apart; `escape` stands before a quote that does not end its field."""

    delimiter: str
    quoting: Quoting = csv.QUOTE_MINIMAL
    escape: str | None = None

    def reader(self, lines: Iterable[str], *, strict: bool) -> Iterator[list[str]]:
        """The records of `lines`; blanks before a field, and so before its quote, are no part of it."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quoting=self.quoting,
            escapechar=self.escape,
            doublequote=True,
            skipinitialspace=self.quoting == csv.QUOTE_MINIMAL,
            strict=strict,
        )


Line = tuple[int, str, str]
"""A line's number, its text, and the reason why it can't be used or ""."""


class _Lines:
    """The decoded lines of a file, handed to csv.reader one by one; `record` holds those of the current record."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._lines = numbered_lines(stream, limit)
        self._again: deque[Line] = deque()
        self.record: list[Line] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._decoded(*next(self._lines))
        self.record.append(line)
        return line[1]

    def begin(self) -> None:
        """Begin a new record."""
        self.record = []

    def give_back(self) -> Line:
        """The first line of the current record; the others will be handed out again."""
        self._again.extendleft(reversed(self.record[1:]))
        return self.record[0]

    @staticmethod
    def _decoded(number: int, line: bytes, reason: str) -> Line:
        if reason == reasons.TOO_LONG:
            return number, "\n", reason
        try:
            return number, line.decode() or "\n", ""  # a blank line is a row without fields, or part of a quoted text
        except UnicodeDecodeError:
            return number, line.decode("utf-8", "replace"), reasons.NOT_UTF8


def table_records(path: Path, form: str, max_chars: int) -> Iterator[RawItem]:
    """The rows of a CSV or TSV file as texts by column name, numbered by the line on which they begin.

    Quotes are read strictly. Where that fails, for instance because a quote never ends and swallows the rows below,
    the first line of the record is read by itself, leniently, and reading goes on with the line after it.
    """
    limit = line_limit(max_chars)
    dialect = _dialect(path, form)
    # The limit is the csv module's one global; it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), limit))
    with open_bytes(path) as stream:
        lines = _Lines(stream, limit)
        reader = dialect.reader(lines, strict=True)
        header = _header(reader, path)
        while True:
            lines.begin()
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error:
                number, text, flaw = lines.give_back()
                values, flaw = _lone_line(text, dialect, flaw)
            else:
                number = lines.record[0][0]
                flaw = next((line[2] for line in lines.record if line[2]), "")
            yield _record(number, header, values, flaw)


def _lone_line(text: str, dialect: _Dialect, flaw: str) -> tuple[list[str], str]:
    """The fields of one line with stray quotes, and why it can't be used: a quote was left open."""
    try:
        values = next(dialect.reader([text], strict=False))
    except csv.Error:
        return [text], flaw or reasons.BROKEN_CSV
    still_open = bool(values) and values[-1].endswith("\n")
    return values, flaw or (reasons.BROKEN_CSV if still_open else "")


def _record(number: int, header: list[str], values: list[str], flaw: str) -> RawItem:
    if not flaw and len(values) > len(header) and any(values[len(header) :]):
        flaw = reasons.WRONG_COLUMNS
    if flaw or not values:
        return Dropped(number, flaw or reasons.EMPTY_LINE, shown(orjson.dumps(values)))
    fields: Fields = dict(zip(header, values, strict=False))
    for name, value in fields.items():
        if value[:2] == '["' and value[-1] == "]":
            fields[name] = _as_list(value)
    return number, fields, None


def _as_list(value: str) -> Any:
    """A cell that holds a JSON list of texts (the only way to put a list into a table), else the cell itself."""
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _header(reader: Iterator[list[str]], path: Path) -> list[str]:
    try:
        header = next([name.strip() for name in names] for names in reader if names and not _names_delimiter(names))
    except (StopIteration, csv.Error) as error:
        raise DataError(f"{path} has no header line", hint="name the columns in the first line") from error
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise DataError(f"{path} has two columns named {twice[0]!r}", hint="give each column its own name")
    return header


def _names_delimiter(names: list[str]) -> bool:
    """Whether the first record is Excel's "sep=;", which falls apart at that very delimiter."""
    return names == ["sep=", ""]


def _dialect(path: Path, form: str) -> _Dialect:
    """Delimiter, quoting and escapes that make the first lines most regular."""
    text = text_head(path).decode("utf-8", "replace")
    first = text.lstrip("\r\n").split("\n", 1)[0]
    named = _NAMES_DELIMITER.fullmatch(first)
    bare = _QUOTED.sub("", first)
    delimiter = "\t" if form == "tsv" and "\t" in first else max(_DELIMITERS, key=bare.count)
    plain = _Dialect(named[1] if named else delimiter)
    # Only TSV is written without quotes now and then; the more regular reading wins.
    unquoted = plain._replace(quoting=csv.QUOTE_NONE)
    if form == "tsv" and _disorder(text, unquoted) < _disorder(text, plain):
        return unquoted
    escaped = plain._replace(escape="\\")
    return escaped if '\\"' in text and _read_strictly(text, escaped) > _read_strictly(text, plain) else plain


def _read_strictly(text: str, dialect: _Dialect) -> int:
    """Records that can be read before the first stray quote."""
    count = 0
    try:
        for _ in dialect.reader(io.StringIO(text, newline=""), strict=True):
            count += 1
    except csv.Error:
        pass
    return count


def _disorder(text: str, dialect: _Dialect) -> tuple[int, int]:
    """Rows with another number of fields than the header, and minus the others: an open quote swallows rows.

    The last row, perhaps cut, does not count.
    """
    try:
        rows = list(dialect.reader(io.StringIO(text, newline=""), strict=False))
    except csv.Error:
        return len(text), 0
    odd = sum(len(row) != len(rows[0]) for row in rows[1:-1] or rows[1:])
    return odd, odd - len(rows)
