from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.fakes.full_disk import FullDisk
from vectune.errors import StorageError
from vectune.monitor.metric_log import MetricLog, read_metrics, rewind


def test_lines_are_there_before_the_log_is_closed(tmp_path: Path) -> None:
    """Whoever reads while training runs sees every line written so far."""
    with MetricLog(tmp_path / "m.jsonl") as log:
        log.write("train", step=1, loss=0.5)
        assert read_metrics(tmp_path / "m.jsonl") == [{"event": "train", "step": 1, "loss": 0.5}]


def test_numbers_of_numpy_and_nan_are_plain_json(tmp_path: Path) -> None:
    """Numpy scalars are numbers, and what JSON can't hold is null."""
    with MetricLog(tmp_path / "m.jsonl") as log:
        log.write("train", loss=np.float32(0.25), step=np.int64(3), speed=float("nan"), rate=float("inf"))
    (line,) = read_metrics(tmp_path / "m.jsonl")
    assert line == {"event": "train", "loss": 0.25, "step": 3, "speed": None, "rate": None}


def test_second_log_appends(tmp_path: Path) -> None:
    """A resumed run goes on in the same file."""
    for step in (1, 2):
        with MetricLog(tmp_path / "m.jsonl") as log:
            log.write("train", step=step)
    assert [entry["step"] for entry in read_metrics(tmp_path / "m.jsonl")] == [1, 2]


def test_half_line_of_a_crash_is_cut_off(tmp_path: Path) -> None:
    """A log that goes on after a crash does not glue its first line to a half one."""
    (tmp_path / "m.jsonl").write_bytes(b'{"event":"train","step":1}\n{"event":"tra')
    assert len(read_metrics(tmp_path / "m.jsonl")) == 1
    with MetricLog(tmp_path / "m.jsonl") as log:
        log.write("train", step=2)
    assert (tmp_path / "m.jsonl").read_bytes().count(b"\n") == 2
    assert [entry["step"] for entry in read_metrics(tmp_path / "m.jsonl")] == [1, 2]


def test_no_file_is_no_metrics(tmp_path: Path) -> None:
    """A run without a log has none; lines that are no object are left out."""
    assert read_metrics(tmp_path / "m.jsonl") == []
    (tmp_path / "m.jsonl").write_bytes(b'[1]\n{"event":"dev"}\n\n')
    assert read_metrics(tmp_path / "m.jsonl") == [{"event": "dev"}]


def test_log_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    """A folder that does not exist is told at once, not after an hour of training."""
    with pytest.raises(StorageError, match="the folder does not exist"):
        MetricLog(tmp_path / "nowhere" / "m.jsonl")
    with pytest.raises(StorageError, match="could not be read"):
        read_metrics(tmp_path)


def test_full_disk_warns_once_and_counts_what_is_lost(tmp_path: Path) -> None:
    """Writing never raises: the first loss warns, closing says how many, and no half line stays."""
    log = MetricLog(tmp_path / "m.jsonl", opener=lambda path: FullDisk(path, room=40, mode="ab"))  # type: ignore[arg-type,return-value]
    log.write("train", step=1)
    with pytest.warns(RuntimeWarning, match=r"the disk is full.*the work goes on") as first:
        log.write("train", step=2, loss=0.123456789)
    log.write("train", step=3)
    with pytest.warns(RuntimeWarning, match="2 measurements are missing"):
        log.close()
    assert len(first) == 1
    assert (tmp_path / "m.jsonl").read_bytes() == b'{"event":"train","step":1}\n'


def test_writing_after_the_end_warns(tmp_path: Path) -> None:
    """A line for a closed log is lost with a warning, and closing twice is fine."""
    log = MetricLog(tmp_path / "m.jsonl")
    log.close()
    log.close()
    with pytest.warns(RuntimeWarning, match="Measurements are lost"):
        log.write("train", step=1)
    assert log.lost == 1


def test_rewind_takes_back_what_came_after_a_step(tmp_path: Path) -> None:
    """Entries up to the step stay, later ones and those of work after training go, a half line too."""
    path = tmp_path / "m.jsonl"
    with MetricLog(path) as log:
        log.write("dev", step=0, score=0.1)
        for step in (1, 2, 3):
            log.write("train", step=step, loss=1 / step)
        log.write("dev", step=2, score=0.2)
        log.write("interpolation", share=0.5, score=0.3)
    with path.open("ab") as file:
        file.write(b'{"event":"train","st')
    rewind(path, 2)
    assert [(entry["event"], entry["step"]) for entry in read_metrics(path)] == [
        ("dev", 0), ("train", 1), ("train", 2), ("dev", 2),
    ]  # fmt: skip
    with MetricLog(path) as log:
        log.write("train", step=3, loss=0.3)
    assert [entry["step"] for entry in read_metrics(path) if entry["event"] == "train"] == [1, 2, 3]


def test_rewind_without_a_log_makes_none(tmp_path: Path) -> None:
    """A run that was interrupted before it measured anything has nothing to take back."""
    rewind(tmp_path / "m.jsonl", 0)
    assert list(tmp_path.iterdir()) == []
