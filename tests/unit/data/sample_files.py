"""Small files for the tests of reading."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from vectune.config import DataConfig
from vectune.data.read import RowStream, open_source, read_rows
from vectune.records import Dropped, Row

PAIRS: list[dict[str, Any]] = [
    {"query": "reset the pump", "positive": "Hold the green button for five seconds."},
    {"query": "error 12", "positive": "The intake filter is clogged."},
    {"query": "price of a hose", "positive": "A new hose is 12 euros."},
]


def write_jsonl(path: Path, rows: Iterable[Any]) -> Path:
    """Rows as JSON lines; bytes stand for a line as it is; a name ending in .gz is gzipped."""
    lines = (row if isinstance(row, bytes) else orjson.dumps(row) for row in rows)
    content = b"".join(line + b"\n" for line in lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def stream_of(path: Path | str, split: str = "all", **settings: Any) -> RowStream:
    config = DataConfig(**settings)
    return read_rows(open_source(str(path), config), config, split)


def read(path: Path | str, split: str = "all", **settings: Any) -> tuple[list[Row], list[Dropped]]:
    """All rows and all drops of a source."""
    rows: list[Row] = []
    dropped: list[Dropped] = []
    for item in stream_of(path, split, **settings):
        if isinstance(item, Dropped):
            dropped.append(item)
        else:
            rows.append(item)
    return rows, dropped


def reasons_of(path: Path | str, **settings: Any) -> list[tuple[int, str]]:
    return [(drop.row, drop.reason) for drop in read(path, **settings)[1]]
