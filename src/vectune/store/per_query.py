"""per_query.parquet: what each model scored on each query, so that runs can be compared pair by pair later."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vectune.errors import StorageError
from vectune.store.atomic import write_bytes

PER_QUERY = "per_query.parquet"
_KEYS = ("unit", "model", "dim")
_SIMILARITY, _GOLD, _CLUSTER = "similarity", "gold", "cluster"


@dataclass(frozen=True)
class UnitScores:
    """The scores of one model at one dimension, unit by unit (a unit is a query, or a row of scored pairs).

    `model` is `base`, `tuned` or `bm25`; `dim` is the length of the vectors, 0 for BM25. `per_unit[measure]` is
    float64 [len(units)]. `similarity` and `gold` are the model's and the given score of each scored pair.
    `clusters` is the number of each unit's cluster, int64 [len(units)]; None where they are not known.
    """

    model: str
    dim: int
    units: tuple[str, ...]
    per_unit: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    similarity: NDArray[np.float64] | None = None
    gold: NDArray[np.float64] | None = None
    clusters: NDArray[np.int64] | None = None


def write_per_query(path: Path, scores: Sequence[UnitScores]) -> None:
    """Write one row a model, dimension and unit: unit, model, dim, cluster, and one a measure (null: not measured)."""
    sink = io.BytesIO()
    tables = [_table(part) for part in scores]
    whole = pa.concat_tables(tables, promote_options="default") if tables else pa.table({key: [] for key in _KEYS})
    pq.write_table(whole, sink, compression="zstd")
    write_bytes(Path(path), sink.getvalue())


def read_per_query(path: Path) -> tuple[UnitScores, ...]:
    """What `write_per_query` wrote, in its order. Raises StorageError when the file is absent or damaged."""
    try:
        table = pq.read_table(path)
        order = dict.fromkeys(zip(table["model"].to_pylist(), table["dim"].to_pylist(), strict=True))
        return tuple(_part(table, model, dim) for model, dim in order)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise StorageError(f"{path} can't be read: it is absent or no table of per-query scores.") from error


def _table(part: UnitScores) -> pa.Table:
    columns: dict[str, pa.Array] = {
        "unit": pa.array(part.units, pa.string()),
        "model": pa.array([part.model] * len(part.units), pa.string()),
        "dim": pa.array([part.dim] * len(part.units), pa.int32()),
    }
    if part.clusters is not None:
        columns[_CLUSTER] = pa.array(part.clusters, pa.int64())
    values = {**part.per_unit, _SIMILARITY: part.similarity, _GOLD: part.gold}
    return pa.table(
        columns | {name: pa.array(value, pa.float64()) for name, value in values.items() if value is not None}
    )


def _part(table: pa.Table, model: str, dim: int) -> UnitScores:
    mask = [pair == (model, dim) for pair in zip(table["model"].to_pylist(), table["dim"].to_pylist(), strict=True)]
    rows = table.filter(pa.array(mask))
    values = {
        name: np.asarray(rows[name].to_numpy(), dtype=np.float64)
        for name in rows.column_names
        if name not in (*_KEYS, _CLUSTER) and rows[name].null_count < len(rows)
    }
    similarity, gold = values.pop(_SIMILARITY, None), values.pop(_GOLD, None)
    return UnitScores(model, dim, tuple(rows["unit"].to_pylist()), values, similarity, gold, _clusters(rows))


def _clusters(rows: pa.Table) -> NDArray[np.int64] | None:
    if _CLUSTER not in rows.column_names or rows[_CLUSTER].null_count:
        return None
    return np.asarray(rows[_CLUSTER].to_numpy(), dtype=np.int64)
