"""What a finished run gives its job."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.unit.jobs.conftest import PROJECT, Stores
from vectune.jobs.results import keep_results, metrics_csv, remove_results, trained_tokens
from vectune.monitor.metric_log import MetricLog


def write_log(path: Path) -> Path:
    with MetricLog(path) as log:
        log.write("dev", step=0, epoch=0.0, measure="ndcg@10", score=0.25)
        log.write("train", step=1, epoch=0.5, loss=2.0, learning_rate=1e-5, rows_per_second=3.0, tokens=10)
        log.write("train", step=2, epoch=1.0, loss=None, learning_rate=1e-5, rows_per_second=3.0, tokens=12)
        log.write("dev", step=2, epoch=1.0, measure="ndcg@10", score=0.5, measures={"ndcg@10": 0.5, "mrr@10": 0.75})
        log.write("stage", name="train", seconds=1.0)
    return path


def test_metrics_have_a_line_a_step(tmp_path: Path) -> None:
    """Step 0 is the base; a step without a score has an empty cell, and so has a measure that was not taken."""
    rows = list(csv.DictReader(metrics_csv(write_log(tmp_path / "m.jsonl")).decode().splitlines()))
    told = ("step", "train_loss", "valid_ndcg_at_10", "valid_mrr_at_10")
    assert [tuple(row[name] for name in told) for row in rows] == [
        ("0", "", "0.25", ""),
        ("1", "2.0", "", ""),
        ("2", "", "0.5", "0.75"),
    ]


def test_tokens_of_all_steps_add_up(tmp_path: Path) -> None:
    """Trained tokens are those of every step; a log without any has no number."""
    assert trained_tokens(write_log(tmp_path / "m.jsonl")) == 22
    assert trained_tokens(tmp_path / "none.jsonl") is None


def test_results_are_files_once(stores: Stores, tmp_path: Path) -> None:
    """Metrics, verdict and report become files of the project; doing it again leaves the same three."""
    write_log(tmp_path / "metrics.jsonl")
    (tmp_path / "verdict.json").write_text('{"data": "/srv/a.jsonl"}')
    (tmp_path / "report.html").write_text("<p>")
    job = stores.job()
    names = {"/srv/a.jsonl": "rows.jsonl"}
    assert keep_results(stores.files, job, tmp_path, names) == keep_results(stores.files, job, tmp_path, names)
    found = stores.files.list(PROJECT, purpose="fine-tune-results").data
    assert {file.filename for file in found} == {"step_metrics.csv", "verdict.json", "report.html"}
    assert {file.status for file in found} == {"processed"}
    (verdict,) = [file for file in found if file.filename == "verdict.json"]
    assert b"".join(stores.files.chunks(PROJECT, verdict.id)) == b'{"data": "rows.jsonl"}'
    for _ in range(2):
        remove_results(stores.files, job)
    assert stores.files.list(PROJECT, purpose="fine-tune-results").data == ()
