from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from vectune.errors import StorageError
from vectune.store.per_query import UnitScores, read_per_query, write_per_query


def test_scores_come_back_as_written(tmp_path: Path) -> None:
    """Models and dimensions keep their order, units and values, and a measure stays with those who have it."""
    parts = [
        UnitScores("base", 384, ("q1", "q2"), {"ndcg@10": np.array([0.1, np.nan])}),
        UnitScores("tuned", 384, ("q1", "q2"), {"ndcg@10": np.array([0.3, 0.4]), "mrr@10": np.array([1.0, 0.5])}),
        UnitScores("bm25", 0, ("q1",), {"ndcg@10": np.array([0.9])}),
    ]
    write_per_query(tmp_path / "per_query.parquet", parts)
    back = read_per_query(tmp_path / "per_query.parquet")
    assert [(part.model, part.dim, part.units) for part in back] == [(p.model, p.dim, p.units) for p in parts]
    for part, found in zip(parts, back, strict=True):
        assert found.per_unit.keys() == part.per_unit.keys()
        for measure, values in part.per_unit.items():
            np.testing.assert_array_equal(found.per_unit[measure], values)


def test_scored_pairs_keep_similarity_and_gold(tmp_path: Path) -> None:
    """What correlations are made of is not taken for a measure."""
    part = UnitScores("tuned", 8, ("0", "1"), {}, similarity=np.array([0.2, 0.8]), gold=np.array([0.0, 1.0]))
    write_per_query(tmp_path / "p.parquet", [part])
    (found,) = read_per_query(tmp_path / "p.parquet")
    assert not found.per_unit
    assert found.similarity is not None
    assert found.gold is not None
    np.testing.assert_array_equal(found.similarity, part.similarity)
    np.testing.assert_array_equal(found.gold, part.gold)


def test_table_is_plain_parquet(tmp_path: Path) -> None:
    """Any Parquet reader sees one row a unit with unit, model and dim."""
    write_per_query(tmp_path / "p.parquet", [UnitScores("base", 4, ("a", "b"), {"mrr@10": np.array([0.5, 1.0])})])
    assert pq.read_table(tmp_path / "p.parquet").to_pylist()[1] == {
        "unit": "b",
        "model": "base",
        "dim": 4,
        "mrr@10": 1.0,
    }


def test_nothing_written_is_nothing_read(tmp_path: Path) -> None:
    """No model at all makes an empty table."""
    write_per_query(tmp_path / "p.parquet", [])
    assert read_per_query(tmp_path / "p.parquet") == ()


@pytest.mark.parametrize("content", [None, b"no parquet"])
def test_damage_is_a_storage_error(tmp_path: Path, content: bytes | None) -> None:
    """An absent or broken file is said in a sentence."""
    if content is not None:
        (tmp_path / "p.parquet").write_bytes(content)
    with pytest.raises(StorageError, match="can't be read"):
        read_per_query(tmp_path / "p.parquet")


def test_clusters_come_back_where_they_were_known(tmp_path: Path) -> None:
    """They are no measure; a file without them has none."""
    values, clusters = {"ndcg@10": np.array([0.1, 0.2, 0.3])}, np.array([0, 1, 0])
    parts = [UnitScores("base", 4, ("a", "b", "c"), values), UnitScores("tuned", 4, ("a", "b", "c"), values)]
    write_per_query(tmp_path / "without.parquet", parts)
    write_per_query(tmp_path / "with.parquet", [replace(part, clusters=clusters) for part in parts])
    assert [part.clusters for part in read_per_query(tmp_path / "without.parquet")] == [None, None]
    for part in read_per_query(tmp_path / "with.parquet"):
        np.testing.assert_array_equal(part.clusters, clusters)
        assert list(part.per_unit) == ["ndcg@10"]
