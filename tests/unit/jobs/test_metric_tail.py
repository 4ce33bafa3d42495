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


def test_log_that_moves_is_read_on(tmp_path: Path) -> None:
    """When the run is done its folder is renamed: the tail goes on there with the line after the last."""
    (tmp_path / "work").mkdir()
    tail = MetricTail(tmp_path / "work" / "m.jsonl", tmp_path / "done" / "m.jsonl")
    with MetricLog(tmp_path / "work" / "m.jsonl") as log:
        log.write("train", step=1)
        assert [entry["step"] for entry in tail.read()] == [1]
        log.write("train", step=2)
    (tmp_path / "work").rename(tmp_path / "done")
    assert [entry["step"] for entry in tail.read()] == [2]


def test_line_in_pieces_is_passed_over(tmp_path: Path) -> None:
    """What a crash left of a line hides none of those after it."""
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'{"step":1}\n{"st\n7\n{"step":2}\n')
    assert [entry["step"] for entry in MetricTail(path).read()] == [1, 2]
