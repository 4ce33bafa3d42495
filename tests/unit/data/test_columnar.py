"""Tests of data/columnar.py."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.data.sample_files import PAIRS
from vectune.data.columnar import parquet_records
from vectune.errors import DataError, UsageError
from vectune.records import Dropped


def _write(path: Path, table: pa.Table) -> Path:
    pq.write_table(table, path, row_group_size=2)
    return path


def test_rows_come_in_order_with_numbers(tmp_path: Path) -> None:
    """Row groups follow one another; numbers begin at 1."""
    found = list(parquet_records(_write(tmp_path / "a.parquet", pa.Table.from_pylist(PAIRS))))
    assert found == [(number, row, None) for number, row in enumerate(PAIRS, 1)]


def test_only_the_columns_asked_for_are_read(tmp_path: Path) -> None:
    """Columns that are asked for but absent are passed over."""
    path = _write(tmp_path / "a.parquet", pa.Table.from_pylist(PAIRS))
    found = list(parquet_records(path, ["positive", "absent"]))
    assert found == [(number, {"positive": row["positive"]}, None) for number, row in enumerate(PAIRS, 1)]


def test_gzipped_parquet_is_unpacked(tmp_path: Path) -> None:
    """A .parquet.gz gives the same rows."""
    path = _write(tmp_path / "a.parquet", pa.Table.from_pylist(PAIRS))
    packed = tmp_path / "b.parquet.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert list(parquet_records(packed)) == list(parquet_records(path))


def test_text_that_is_not_utf8_drops_its_row_only(tmp_path: Path) -> None:
    """A bad value costs its row; the rows of the same batch are kept."""
    binary = pa.array([b"good", b"\xff\xfe", b"fine"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, binary.buffers())
    found = list(parquet_records(_write(tmp_path / "a.parquet", pa.table({"query": text}))))
    assert found == [(1, {"query": "good"}, None), Dropped(2, "not utf-8"), (3, {"query": "fine"}, None)]


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "is empty"), (b"PAR1garbagePAR1", "not a Parquet file"), (b"x" * 99, "not a Parquet file")],
)
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    """An empty or damaged file gives a sentence and a hint."""
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match=says) as error:
        list(parquet_records(path))
    assert error.value.hint


def test_missing_parquet_is_a_usage_error(tmp_path: Path) -> None:
    """A path that is not there is told as such."""
    with pytest.raises(UsageError, match="does not exist"):
        list(parquet_records(tmp_path / "a.parquet"))
