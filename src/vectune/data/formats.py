"""Files to records: JSON lines and JSON documents, plain or gzipped, tolerant line by line."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from vectune.data import reasons
from vectune.errors import DataError, UsageError
from vectune.records import Dropped

Fields = dict[str, Any]
"""One row as read: column name to value."""
Record = tuple[int, Fields, bytes | None]
"""Row number (1-based line, or row where the format has no lines), its fields, and the line as read if there is one."""
RawItem = Record | Dropped

MIN_LINE_BYTES = 4_000_000
CONTENT_CHARS = 2_000
SNIFF_BYTES = 65_536
SNIFF_LINES = 5
BOM = b"\xef\xbb\xbf"
ENDINGS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
_LIST_OF_OBJECTS = re.compile(rb"\s*\[\s*\{")
_MAGIC = {b"PAR1": "Parquet", b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


def file_format(path: Path) -> str | None:
    """The format that a file's ending names, .gz looked through: jsonl, json, csv, tsv or parquet; None for others."""
    name = path.name.lower().removesuffix(".gz")
    return next((form for ending, form in ENDINGS.items() if name.endswith(ending)), None)


def line_limit(max_chars: int) -> int:
    """Bytes from which a line is too long to be one row, given the characters that one text may have."""
    return max(MIN_LINE_BYTES, 4 * max_chars)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn the ways in which reading `path` can fail into one sentence."""
    try:
        yield
    except FileNotFoundError as error:
        raise UsageError(f"{path} does not exist", hint="check the path") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        hint = "make the .gz file again: it is cut short or damaged, or was never gzipped"
        raise DataError(f"{path} can't be unpacked: {error}", hint=hint) from error
    except OSError as error:
        cause = error.strerror or (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise DataError(f"{path} can't be read: {cause}", hint="check the file and its permissions") from error


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked when its name ends in .gz; every failure is a DataError or UsageError."""
    with readable(path):
        if path.suffix.lower() == ".gz":
            with gzip.open(path, "rb") as packed, io.BufferedReader(cast(Any, packed), 1 << 20) as stream:
                yield cast(BinaryIO, stream)
        else:
            with path.open("rb") as stream:
                yield stream


def text_head(path: Path) -> bytes:
    """The first bytes of a text file without its byte order mark; DataError when it is empty or no text."""
    with open_bytes(path) as stream:
        head = stream.read(SNIFF_BYTES)
    found = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
    if found is not None:
        hint = "save it as UTF-8" if found == "UTF-16" else f"give the file the ending of a {found} file, or unpack it"
        raise DataError(f"{path} holds {found} data, not text in UTF-8", hint=hint)
    first_line = head.split(b"\n", 1)[0]
    if b"\0" in first_line or head.count(b"\0") > len(head) // 100:
        raise DataError(f"{path} is a binary file, not text", hint="give a JSONL, JSON, CSV, TSV or Parquet file")
    head = head.removeprefix(BOM)
    if not head.strip():
        raise DataError(f"{path} is empty", hint="give a file with one row a line")
    return head


def numbered_lines(stream: BinaryIO, limit: int) -> Iterator[tuple[int, bytes, str]]:
    """Each line as (1-based number, bytes, reason to drop it or "").

    A line over `limit` bytes is cut to the limit and skipped without being held; blank lines at the end of the file
    are no rows. The byte order mark is taken off.
    """
    number = blanks = 0
    while line := stream.readline(limit + 1):
        number += 1
        if number == 1:
            line = line.removeprefix(BOM)
        too_long = len(line) > limit
        if too_long:
            rest = line
            while rest and not rest.endswith(b"\n"):
                rest = stream.readline(1 << 20)
        elif not line or line.isspace():
            blanks += 1
            continue
        for blank in range(number - blanks, number):
            yield blank, b"", reasons.EMPTY_LINE
        blanks = 0
        yield number, line, reasons.TOO_LONG if too_long else ""


def shown(raw: bytes | None, fields: Fields | None = None) -> str:
    """The row as read, for a person: at most 2,000 characters."""
    if raw is None:
        raw = orjson.dumps(fields, default=str, option=orjson.OPT_NON_STR_KEYS)
    return raw[: 4 * CONTENT_CHARS].decode("utf-8", "replace").rstrip("\r\n")[:CONTENT_CHARS]


def jsonl_records(path: Path, max_chars: int) -> Iterator[RawItem]:
    """The objects of a JSON lines file; a line that is none becomes a Dropped. One line is held at a time."""
    loads = orjson.loads
    with open_bytes(path) as stream:
        for number, line, reason in numbered_lines(stream, line_limit(max_chars)):
            if not reason:
                try:
                    fields = loads(line)
                except orjson.JSONDecodeError:
                    reason = _why_broken(line)
                else:
                    if type(fields) is dict:
                        yield number, fields, line
                        continue
                    reason = reasons.NOT_AN_OBJECT
            yield Dropped(number, reason, shown(line))


def _why_broken(line: bytes) -> str:
    try:
        line.decode()
    except UnicodeDecodeError:
        return reasons.NOT_UTF8
    return reasons.BROKEN_JSON


def read_document(path: Path) -> Any:
    """The one JSON value of a file, whole in memory; DataError with the line where it breaks."""
    with open_bytes(path) as stream:
        content = stream.read().removeprefix(BOM)
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        if _why_broken(content) == reasons.NOT_UTF8:
            raise DataError(f"{path} is not UTF-8", hint="save it as UTF-8") from error
        where = f"{path} is broken JSON in line {error.lineno}, column {error.colno}"
        raise DataError(
            where, hint="mend that line, or save the rows as JSONL, where one bad line is skipped"
        ) from error


def is_id_document(document: Any) -> bool:
    """Whether a JSON document has LlamaIndex's `queries`, `corpus` and `relevant_docs`."""
    return isinstance(document, dict) and all(
        isinstance(document.get(name), dict) for name in ("queries", "corpus", "relevant_docs")
    )


def document_rows(document: Any, path: Path) -> list[Any]:
    """The list of rows in a JSON document: the document itself, or what stands under `data` or `rows`."""
    if isinstance(document, dict):
        document = next((document[name] for name in ("data", "rows") if isinstance(document.get(name), list)), None)
    if not isinstance(document, list):
        raise DataError(f"{path} holds JSON, but no list of rows", hint='write [{"anchor": .., "positive": ..}, ..]')
    if not document:
        raise DataError(f"{path} holds an empty list", hint="give a file with at least two rows")
    return document


def json_records(path: Path) -> Iterator[RawItem]:
    """The rows of a JSON document, numbered from 1."""
    for number, fields in enumerate(document_rows(read_document(path), path), 1):
        if isinstance(fields, dict):
            yield number, fields, None
        else:
            yield Dropped(number, reasons.NOT_AN_OBJECT, shown(orjson.dumps(fields)))


def json_flavour(path: Path) -> str:
    """What a .json, .jsonl or .ndjson file really holds: "jsonl", "json" or "llamaindex"."""
    head = text_head(path)
    lines = _first_lines(path)
    values = [_value(line) for line in lines]
    # Where every line is too long to be looked at, as in a document written without line ends, its first bytes decide.
    whole = _is_whole(lines[0].strip(), values[0]) if lines else _LIST_OF_OBJECTS.match(head) is not None
    if file_format(path) == "jsonl" and not whole:
        return "jsonl"
    if _looks_like_lines(values):
        return "jsonl"
    return "llamaindex" if is_id_document(read_document(path)) else "json"


def _first_lines(path: Path) -> list[bytes]:
    """Those of the first lines, blank ones aside, that are not too long to be one row."""
    with open_bytes(path) as stream:
        found = (item for item in numbered_lines(stream, MIN_LINE_BYTES) if item[2] != reasons.EMPTY_LINE)
        return [line for _, line, reason in islice(found, SNIFF_LINES) if not reason]


def _is_whole(first: bytes, value: Any) -> bool:
    """Whether the first line, and what it says when it is read by itself, begins a document of many lines or is one."""
    return first in (b"{", b"[", b"[{") or (isinstance(value, list) and isinstance((value or [0])[0], dict))


def _value(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _looks_like_lines(values: list[Any]) -> bool:
    """Whether the first lines, read each by itself, are rows: several objects, or one that holds no rows itself."""
    objects = [value for value in values if isinstance(value, dict)]
    if len(values) == 1 and objects:
        return not ({"data", "rows"} & objects[0].keys() or is_id_document(objects[0]))
    # One object may be the last row of a document spread over lines: it alone has no comma behind it.
    return len(objects) > 1 or (bool(objects) and isinstance(values[0], dict))
