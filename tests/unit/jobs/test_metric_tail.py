"""Following a log that grows, and one that is taken back."""

from __future__ import annotations

from pathlib import Path

from vectune.jobs.metric_tail import MetricTail
from vectune.monitor.metric_log import MetricLog, rewind


def test_each_line_comes_once(tmp_path: Path) -> None:
    """Lines come when they are whole, in order, once."""
    path = tmp_path / "metrics.jsonl"
    tail = MetricTail(path)
    assert tail.read() == []
    with MetricLog(path) as log:
        log.write("train", step=1)
        assert [entry["step"] for entry in tail.read()] == [1]
        log.write("train", step=2)
        log.write("train", step=3)
    assert [entry["step"] for entry in tail.read()] == [2, 3]
    with path.open("ab") as file:
        file.write(b'{"event":"train","st')
    assert tail.read() == []
    with path.open("ab") as file:
        file.write(b'ep":4}\n')
    assert [entry["step"] for entry in tail.read()] == [4]


def test_log_that_was_taken_back_begins_anew(tmp_path: Path) -> None:
    """After a run was taken back to a checkpoint the log is read from its first line."""
    path = tmp_path / "metrics.jsonl"
    tail = MetricTail(path)
    with MetricLog(path) as log:
        for step in (1, 2, 3):
            log.write("train", step=step)
    assert len(tail.read()) == 3
    rewind(path, 2)
    assert [entry["step"] for entry in tail.read()] == [1, 2]
