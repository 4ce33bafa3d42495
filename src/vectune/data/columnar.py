"""Files to records: Parquet and Arrow tables, batch by batch."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vectune.data import reasons
from vectune.data.formats import RawItem, open_bytes, readable
from vectune.errors import DataError
from vectune.records import Dropped

BATCH_ROWS = 1024
_UNREADABLE = (ValueError, OverflowError)
"""What Arrow raises for a value that Python can't hold: text that is not UTF-8, a date beyond the year 9999."""


@contextmanager
def _open_parquet(path: Path) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if path.suffix.lower() != ".gz":
            with readable(path), pq.ParquetFile(path, buffer_size=1 << 20) as table:
                yield table
        else:  # Parquet is read from its end, which a gzip stream can't do
            with tempfile.TemporaryFile() as unpacked:
                with open_bytes(path) as packed:
                    shutil.copyfileobj(packed, unpacked)
                with pq.ParquetFile(unpacked) as table:
                    yield table
    except (pa.ArrowException, *_UNREADABLE) as error:
        hint = "write the file again, or give the file the ending of what it holds"
        cause = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise DataError(f"{path} is not a Parquet file that can be read: {cause}", hint=hint) from error


def parquet_records(path: Path, only: Sequence[str] | None = None) -> Iterator[RawItem]:
    """The rows of a Parquet file, numbered from 1, with all columns or `only` some; one batch is held at a time."""
    if path.exists() and path.stat().st_size == 0:
        raise DataError(f"{path} is empty", hint="give a Parquet file with rows")
    with _open_parquet(path) as table:
        there = set(table.schema_arrow.names)
        columns = [name for name in only if name in there] if only is not None else None
        yield from arrow_records(table.iter_batches(batch_size=BATCH_ROWS, columns=columns))


def arrow_records(batches: Iterator[Any]) -> Iterator[RawItem]:
    """The rows of Arrow batches or tables, numbered from 1; a row with a value that can't be decoded is a Dropped."""
    number = 0
    for batch in batches:
        try:
            rows: list[Any] = batch.to_pylist()
        except _UNREADABLE:
            rows = [_row(batch, index) for index in range(batch.num_rows)]
        for fields in rows:
            number += 1
            yield (number, fields, None) if fields is not None else Dropped(number, reasons.NOT_UTF8)


def _row(batch: Any, index: int) -> Any:
    try:
        return batch.slice(index, 1).to_pylist()[0]
    except _UNREADABLE:
        return None
