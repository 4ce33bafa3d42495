"""From the files of a run to events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.word_rows import overlapping_pairs
from tests.unit.jobs.conftest import ALIAS, PROJECT, Stores
from tests.unit.jobs.test_running import run
from vectune.jobs.hyperparameters import check
from vectune.jobs.job import NewJob
from vectune.jobs.run_events import RunEvents, verdict_event
from vectune.monitor.metric_log import MetricLog


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run that has read and split its data and trained some steps."""
    data = {"kind": "pairs", "shape": "jsonl", "rows_read": 12, "rows_kept": 10, "dropped": {"empty": 2}}
    (tmp_path / "data.json").write_text(json.dumps(data))
    (tmp_path / "split.json").write_text(json.dumps({"sizes": {"train": 70, "dev": 10, "test": 20}}))
    dropped = [{"split": "all", "row": row, "reason": "empty", "content": "secret"} for row in (3, 4)]
    (tmp_path / "dropped.jsonl").write_text("".join(json.dumps(row) + "\n" for row in dropped))
    with MetricLog(tmp_path / "metrics.jsonl") as log:
        log.write("dev", step=0, measure="ndcg@10", epoch=0.0, score=0.25, best=False)
        for step in range(1, 8):
            log.write("train", step=step, epoch=step / 10, loss=1 / step, learning_rate=1e-5)
        measures = {"recall@10": 0.75, "mrr@10": 0.375, "ndcg@10": 0.5}
        log.write("dev", step=7, measure="ndcg@10", measures=measures, epoch=0.7, score=0.5, best=True)
    return tmp_path


def test_data_is_told_with_every_reason(folder: Path) -> None:
    """Rows read, dropped and why, and the split; a test too small to decide by is a warning."""
    read, dropped, split = RunEvents((folder,), "rows.jsonl", {}).of_data()
    assert read.message == "Read 12 rows of rows.jsonl as pairs: 10 can be used."
    assert (dropped.level, dropped.message) == ("warn", "Left out 2 rows (2: empty).")
    assert dropped.data == {
        "reasons": {"empty": 2},
        "rows": [{"split": "all", "row": r, "reason": "empty"} for r in (3, 4)],
    }
    assert split.level == "warn"
    assert split.message.startswith("Split: 70 to train, 10 to select, 20 to judge.")


def test_each_file_is_told(folder: Path) -> None:
    """Rows read, dropped and why, of every part of the data, by the name of its file where it has one."""
    data = json.loads((folder / "data.json").read_text())
    part = {"kind": "pairs", "shape": "jsonl", "rows_read": 5, "rows_kept": 4, "dropped": {"duplicate": 1}}
    (folder / "data.json").write_text(json.dumps(data | {"others": {"dev": part, "test": part}}))
    first, dev, test, *_ = RunEvents((folder,), "rows.jsonl", {}, {"dev": "mine.jsonl"}).of_data()
    assert [event.key for event in (first, dev, test)] == ["data", "data dev", "data test"]
    assert first.message == "Read 12 rows of rows.jsonl as pairs: 10 can be used."
    assert dev.message == "Read 5 rows of mine.jsonl as pairs: 4 can be used."
    assert dev.data == part
    assert test.message == "Read 5 rows of test as pairs: 4 can be used."


def test_job_tells_of_both_its_files(stores: Stores) -> None:
    """What was read and dropped of the file to train on and of the one to select by, each by its name."""
    rows = overlapping_pairs(10, seed=1)
    train, dev = stores.upload(overlapping_pairs(30)), stores.upload([*rows, rows[0]], "dev.jsonl")
    job = stores.jobs.create(PROJECT, NewJob(ALIAS, train.id, dev.id, check({"n_epochs": 1}))).id
    assert run(stores).status == "succeeded"
    said = [event.message.split(" as ")[0] for event in stores.jobs.events_since(PROJECT, job, 0)]
    assert {"Read 30 rows of rows.jsonl", "Read 11 rows of dev.jsonl"} <= set(said)
    assert dict(stores.leases().known_events(job)["data dev"] or {})["dropped"] == {"duplicate": 1}


def test_evaluations_have_the_references_keys_beside_ours(folder: Path) -> None:
    """Each evaluation is of type metrics and has its measures by name, and the keys that clients look for."""
    events = RunEvents((folder,), "x", {}).of_training(140)
    base, latest = [event for event in events if event.key.startswith("evaluation")]
    assert {event.type for event in events} == {"metrics"}
    assert latest.message == "Step 7/140: ndcg@10=0.5000 on the rows to select by (the best so far)"
    data: dict[str, Any] = dict(latest.data or {})
    assert (data["step"], data["ndcg_at_10"], data["train_loss"], data["best"]) == (7, 0.5, pytest.approx(1 / 7), True)
    assert (data["recall_at_10"], data["mrr_at_10"]) == (0.75, 0.375)
    assert {"valid_loss", "train_mean_token_accuracy", "valid_mean_token_accuracy"} <= data.keys()
    assert dict(base.data or {})["ndcg_at_10"] == 0.25


def test_steps_are_told_at_even_distances(folder: Path) -> None:
    """The first step and every twentieth part are told; the newest on demand, and never one again."""
    told = RunEvents((folder,), "x", {})
    assert [event.key for event in told.of_training(60) if event.key.startswith("step")] == [
        "step 1",
        "step 3",
        "step 6",
    ]
    assert [event.key for event in told.newest_step(60)] == ["step 7"]
    assert told.newest_step(60) == []


def test_what_is_known_is_not_told_again(folder: Path) -> None:
    """A worker that goes on with a run leaves out what the one before it told, and steps before the last one told."""
    first = RunEvents((folder,), "x", {})
    before = [*first.of_data(), *first.of_training(60)]
    second = RunEvents((folder,), "x", dict.fromkeys(event.key for event in before))
    assert [*second.of_data(), *second.of_training(60)] == []
    first.remember(before)
    assert first.of_data() == []


def test_verdict_has_every_measure() -> None:
    """The verdict is told in a sentence, with the scores of base and tuned; one that is no `ship` is a warning."""
    content = {
        "verdict": "undecided", "sentence": "Too few.", "measure": "ndcg@10", "base": 0.1, "tuned": 0.2, "bm25": None,
        "difference": 0.1, "interval": [-0.1, 0.3], "p": 0.5, "queries": 3, "smallest_detectable": 0.4, "steps": 9,
        "measures": {"base": {"32": {"ndcg@10": 0.1}}, "tuned": {"32": {"ndcg@10": 0.2}}, "bm25": {"all": {}}},
    }  # fmt: skip
    event = verdict_event(content)
    assert (event.level, event.type, event.message) == ("warn", "metrics", "Verdict: undecided. Too few.")
    data = dict(event.data or {})
    assert data["ndcg_at_10"] == 0.2
    assert data["measures"]["base"] == {"ndcg_at_10": 0.1}
    assert data["interval"] == [-0.1, 0.3]
