from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from tests.fakes.run_folder import write_run_folder
from vectune.config import EvaluateConfig
from vectune.store.per_query import UnitScores, read_per_query, write_per_query
from vectune.store.run_folder import RunSummary, read_run
from vectune.workflows.compare_runs import compare_runs

QUICK = EvaluateConfig(resamples=200)


def run(folder: Path, **changes: Any) -> RunSummary:
    """A run read from a folder that was just written."""
    return read_run(write_run_folder(folder, **changes))


def edit(summary: RunSummary, file: str, **changes: Any) -> None:
    """Change keys of a JSON file of the run."""
    path = summary.path / file
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | changes))


def test_every_measure_stands_side_by_side(tmp_path: Path) -> None:
    """The deciding measure leads, the largest dimension first; what a run did not measure is None."""
    found = compare_runs([run(tmp_path / "a"), run(tmp_path / "b", dims=(384, 64))], QUICK)
    assert [(row.measure, row.dim) for row in found.rows[:5]] == [("ndcg@10", dim) for dim in (384, 256, 128, 64, 32)]
    assert found.rows[0].scores == (0.512, 0.512)
    assert found.rows[1].scores == (0.51, None)
    assert len(found.rows) == 35


def test_difference_is_that_of_the_per_query_scores(tmp_path: Path) -> None:
    """On the same test rows the difference is the mean over the queries, inside its interval."""
    first, second = run(tmp_path / "a"), run(tmp_path / "b", seed=3)
    (found,) = compare_runs([first, second], QUICK).differences
    scores = [
        next(part for part in read_per_query(summary.path / "per_query.parquet") if part.model == "tuned")
        for summary in (first, second)
    ]
    expected = float(np.mean(scores[1].per_unit["ndcg@10"] - scores[0].per_unit["ndcg@10"]))
    assert found.difference == pytest.approx(expected)
    assert found.interval is not None
    assert found.interval[0] <= expected <= found.interval[1]
    assert (found.dim, found.queries, found.reason) == (384, 200, "")


def test_correlations_are_paired_too(tmp_path: Path) -> None:
    """Scored pairs are compared by similarity against the given score."""
    first = run(tmp_path / "a", kind="scored")
    second = run(tmp_path / "b", kind="scored")
    (found,) = compare_runs([first, second], QUICK).differences
    assert found.measure == "spearman"
    assert found.difference == 0


def test_pairs_of_other_given_scores_are_not_paired(tmp_path: Path) -> None:
    """Row numbers agree, but what was given for them does not: the rows are others."""
    first, second = run(tmp_path / "a", kind="scored"), run(tmp_path / "b", kind="scored")
    parts = read_per_query(second.path / "per_query.parquet")
    turned = [replace(part, gold=None if part.gold is None else np.asarray(part.gold)[::-1]) for part in parts]
    write_per_query(second.path / "per_query.parquet", turned)
    assert "different test rows" in compare_runs([first, second], QUICK).differences[0].reason


@pytest.mark.parametrize(
    ("file", "changes", "reason"),
    [
        ("data.json", {"fingerprint": "sha256:other"}, "different data"),
        ("data.json", {"fingerprint": None}, "no fingerprint"),
        ("split.json", {"assignment": {"test": ["q9"]}}, "different test rows"),
        ("verdict.json", {"measure": "mrr@10"}, "different measures"),
    ],
)
def test_runs_that_can_not_be_paired_say_why(tmp_path: Path, file: str, changes: dict[str, Any], reason: str) -> None:
    """Another test set, or another measure, gives no difference but the reason."""
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    edit(second, file, **changes)
    (found,) = compare_runs([first, read_run(second.path)], QUICK).differences
    assert found.difference is None
    assert found.interval is None
    assert reason in found.reason


def test_missing_scores_and_other_units_are_reasons(tmp_path: Path) -> None:
    """Without per-query scores, or with those of other queries, there is nothing to pair."""
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    (second.path / "per_query.parquet").unlink()
    assert "can't be read" in compare_runs([first, second], QUICK).differences[0].reason
    other = UnitScores("tuned", 384, ("x1", "x2"), {"ndcg@10": np.array([0.1, 0.2])})
    write_per_query(second.path / "per_query.parquet", [other])
    assert "different test rows" in compare_runs([first, second], QUICK).differences[0].reason


def test_all_differences_are_from_the_first(tmp_path: Path) -> None:
    """Three runs make two differences, both from the first; one run makes none."""
    runs = [run(tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 2), ("c", 4))]
    found = compare_runs(runs, QUICK).differences
    assert [(pair.first, pair.second) for pair in found] == [("a", "b"), ("a", "c")]
    assert compare_runs(runs[:1], QUICK).differences == ()


def test_an_evaluation_and_a_run_on_the_same_test_rows_can_be_paired(tmp_path: Path) -> None:
    """What both were judged on decides, whatever else the data of the one held."""
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    for summary in (first, second):
        edit(summary, "verdict.json", judged_on="sha256:same")
    (second.path / "split.json").unlink()
    edit(second, "data.json", fingerprint="sha256:other")
    (found,) = compare_runs([first, second], QUICK).differences
    assert found.reason == ""
    edit(second, "verdict.json", judged_on="sha256:another")
    assert "different test rows" in compare_runs([first, second], QUICK).differences[0].reason


def test_queries_in_clusters_make_two_runs_differ_less_surely(tmp_path: Path) -> None:
    """The clusters that the runs kept are drawn whole, and their number is told."""
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    of_unit, gains = np.arange(200) // 10, np.random.default_rng(0).normal(0.05, 0.1, 20)
    (part,) = (part for part in read_per_query(first.path / "per_query.parquet") if part.model == "tuned")
    better = replace(part, per_unit={"ndcg@10": part.per_unit["ndcg@10"] + gains[of_unit]})
    found = []
    for clusters in (None, of_unit):
        for summary, scores in ((first, part), (second, better)):
            write_per_query(summary.path / "per_query.parquet", [replace(scores, clusters=clusters)])
        found += compare_runs([first, second], QUICK).differences
    plain, tied = found
    assert (plain.clusters, tied.clusters, tied.queries) == (None, 20, 200)
    assert tied.difference == plain.difference
    assert plain.interval is not None
    assert tied.interval is not None
    assert np.ptp(tied.interval) > 2 * np.ptp(plain.interval)


def test_the_same_test_rows_in_another_order_are_not_paired(tmp_path: Path) -> None:
    """Row 3 of the one is another query than row 3 of the other. A run that kept no order was judged by other rules,
    and is paired with its like alone."""
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    for summary, order in ((first, "sha256:one"), (second, "sha256:other")):
        edit(summary, "verdict.json", judged_on="sha256:same", judged_in_order=order)
    (found,) = compare_runs([first, second], QUICK).differences
    assert found.difference is None
    assert "the same in another order" in found.reason
    edit(second, "verdict.json", judged_in_order=None)
    assert "of an older version" in compare_runs([first, second], QUICK).differences[0].reason
    for kept in (None, "sha256:one"):
        for summary in (first, second):
            edit(summary, "verdict.json", judged_in_order=kept)
        assert compare_runs([first, second], QUICK).differences[0].reason == ""
