"""From the files of a run to events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

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
        log.write("dev", step=7, measure="ndcg@10", epoch=0.7, score=0.5, best=True)
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


def test_evaluations_have_the_references_keys_beside_ours(folder: Path) -> None:
    """Each evaluation is of type metrics and has its measure by name, and the keys that clients look for."""
    events = RunEvents((folder,), "x", {}).of_training(140)
    base, latest = [event for event in events if event.key.startswith("evaluation")]
    assert {event.type for event in events} == {"metrics"}
    assert latest.message == "Step 7/140: ndcg@10=0.5000 on the rows to select by (the best so far)"
    data: dict[str, Any] = dict(latest.data or {})
    assert (data["step"], data["ndcg_at_10"], data["train_loss"], data["best"]) == (7, 0.5, pytest.approx(1 / 7), True)
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
