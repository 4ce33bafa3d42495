"""What is left when training is stopped or killed, and how it goes on."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from tests.functional.command_line import Outcome, finish, run_here, start
from vectune.config import TuneConfig
from vectune.errors import Interrupted, StorageError
from vectune.monitor.metric_log import read_metrics
from vectune.monitor.progress import Silent
from vectune.workflows.fitting import CHECKPOINTS
from vectune.workflows.tune import Hands, partial_folder, tune

_LONG = (
    "--epochs", 80, "--set", "train.patience=1000", "--set", "train.evals_per_epoch=1",
    "--set", "train.checkpoint_steps=7",
)  # fmt: skip


def _verdict(folder: Path) -> dict[str, Any]:
    """The verdict without what differs between two equal runs: the clock."""
    content = json.loads((folder / "verdict.json").read_text())
    return {key: value for key, value in content.items() if key != "seconds"}


def _losses(folder: Path) -> list[tuple[int, float]]:
    events = read_metrics(folder / "metrics.jsonl")
    return [(event["step"], event["loss"]) for event in events if event["event"] == "train"]


def _dev(folder: Path) -> list[tuple[int, float]]:
    events = read_metrics(folder / "metrics.jsonl")
    return [(event["step"], event["score"]) for event in events if event["event"] == "dev"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty pairs."""
    return write_jsonl(tmp_path_factory.mktemp("data") / "pairs.jsonl", overlapping_pairs(60))


@pytest.fixture(scope="module")
def undisturbed(data: Path, tiny: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nobody stopped."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    done = run_here("tune", data, *tiny, *_LONG, "--out", folder)
    assert done.status == 4, done.err
    return folder


def _stop_in_training(process: subprocess.Popen[bytes], folder: Path, number: signal.Signals) -> Outcome:
    """Send the signal once twenty steps are logged."""
    log = partial_folder(folder) / "metrics.jsonl"
    while process.poll() is None:
        if log.exists() and log.read_bytes().count(b'"train"') >= 20:
            process.send_signal(number)
            break
        time.sleep(0.01)
    return finish(process)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"])
def test_resumed_run_is_the_same_run(
    number: signal.Signals, data: Path, tiny: tuple[str, ...], undisturbed: Path, tmp_path: Path
) -> None:
    """Stopped or killed in training and resumed, a run has the losses, dev scores and verdict of the undisturbed one.

    Each step is logged once, also those that were logged after the last checkpoint and done again.
    """
    folder = tmp_path / "runs" / "stopped run"
    process = start("tune", data, *tiny, *_LONG, "--out", folder)
    stopped = _stop_in_training(process, folder, number)
    assert len(_losses(partial_folder(folder))) < len(_losses(undisturbed))
    assert run_here("runs", "--root", folder.parent, "--json").json["runs"] == []
    if number is signal.SIGINT:
        assert stopped.status == 130
        assert stopped.hint == f"Go on with: vectune tune --resume '{folder}'"
        assert "Stopping and saving" in stopped.err
        assert "Traceback" not in stopped.err
    resumed = run_here("tune", "--resume", folder)
    assert resumed.status == 4, resumed.err
    assert _losses(folder) == _losses(undisturbed)
    assert _dev(folder) == _dev(undisturbed)
    assert _verdict(folder) == _verdict(undisturbed)
    assert not partial_folder(folder).exists()


class _At:
    """A Progress that does something when a stage begins."""

    def __init__(self, stage: str, act: Callable[[], None]) -> None:
        self._stage = stage
        self._act = act

    def stage(self, name: str, total: int | None = None) -> None:
        if name == self._stage:
            self._act()

    def advance(self, amount: int = 1, **values: float) -> None:
        """Nothing."""

    def note(self, message: str) -> None:
        """Nothing."""


def _config(data: Path, base: Path, out: Path) -> TuneConfig:
    return TuneConfig.model_validate(
        {"path": str(data), "base": str(base), "out": out, "evaluate": {"general": False}, "train": {"epochs": 2}}
    )


@pytest.mark.parametrize("stage", ["interpolate", "judge base", "judge tuned"])
def test_stop_after_training_loses_nothing(stage: str, data: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    """Asked to stop while judging, the work stops there at once; resuming ends as if it had not been stopped."""
    asked: list[bool] = []
    config = _config(data, tiny_model_folder, tmp_path / "run")
    with pytest.raises(Interrupted, match="Stopped") as caught:
        tune(config, Hands(_At(stage, lambda: asked.append(True)), lambda: bool(asked)))
    assert "--resume" in caught.value.hint
    resumed = tune(config, Hands(resume=True))
    whole = tune(_config(data, tiny_model_folder, tmp_path / "whole"))
    assert _verdict(resumed.folder) == _verdict(whole.folder)
    assert _losses(resumed.folder) == _losses(whole.folder)
    shares = [event["share"] for event in read_metrics(resumed.folder / "metrics.jsonl") if "share" in event]
    assert len(shares) == len(set(shares))


def test_stop_before_training_leaves_nothing(data: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    """Asked to stop before anything was saved, no folder stays, and the hint says to start again."""
    with pytest.raises(Interrupted) as caught:
        tune(_config(data, tiny_model_folder, tmp_path / "run"), Hands(stop=lambda: True))
    assert "run the command again" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_files() -> Iterator[Callable[[], None]]:
    """A function after which no file may grow over 20 kB, as on a full disk; put right after the test."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("stage", ["save", "report"])
def test_disk_full_while_saving_can_be_resumed(
    stage: str, small_files: Callable[[], None], data: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    """A disk that fills up while the model or the report is saved: one sentence, nothing listed, training kept."""
    config = _config(data, tiny_model_folder, tmp_path / "run")
    with pytest.raises(StorageError, match="could not be written") as caught:
        tune(config, Hands(_At(stage, small_files)))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert "--resume" in caught.value.hint
    assert "\n" not in caught.value.message
    assert run_here("runs", "--root", tmp_path, "--json").json["runs"] == []
    assert not (tmp_path / "run").exists()
    assert tune(config, Hands(resume=True)).folder == tmp_path / "run"


def _no_large_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))


def test_disk_full_in_training(data: Path, tiny: tuple[str, ...], tmp_path: Path) -> None:
    """A disk that fills up at the first checkpoint: a sentence and a hint, no traceback, no folder left."""
    done = finish(start("tune", data, *tiny, "--out", tmp_path / "run", preexec_fn=_no_large_files))
    assert done.status == 1
    assert "could not be written" in done.error
    assert done.hint
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_resume_refuses_what_it_can_not_do(
    data: Path, tiny: tuple[str, ...], undisturbed: Path, tmp_path: Path
) -> None:
    """Nothing to resume, a finished run, and settings beside --resume are each refused with what to do."""
    nothing = run_here("tune", "--resume", tmp_path / "none")
    assert (nothing.status, "nothing to resume" in nothing.error) == (2, True)
    finished = run_here("tune", "--resume", undisturbed)
    assert (finished.status, "is finished" in finished.error) == (2, True)
    beside = run_here("tune", data, "--resume", tmp_path / "none")
    assert (beside.status, "path was given too" in beside.error) == (2, True)
    file = run_here("tune", "--config", data, "--resume", tmp_path / "none")
    assert (file.status, "--config was given too" in file.error) == (2, True)


def test_what_a_kill_at_the_very_end_left_is_cleared(undisturbed: Path, tmp_path: Path) -> None:
    """Killed after the last rename, a run is finished: its checkpoints go when it is to be resumed, nothing else."""
    folder = Path(shutil.copytree(undisturbed, tmp_path / "run"))
    before = sorted(folder.rglob("*"))
    for resumed in (
        lambda: run_here("tune", "--resume", folder).error,
        lambda: _refusal(TuneConfig(path="nowhere", out=folder)),
    ):
        (folder / CHECKPOINTS / "step-00000002").mkdir(parents=True)
        assert str(folder) in resumed()
        assert sorted(folder.rglob("*")) == before


def _refusal(config: TuneConfig) -> str:
    with pytest.raises(StorageError, match="already there") as caught:
        tune(config, Hands(resume=True))
    return caught.value.message


def test_a_run_killed_before_its_settings_were_saved_starts_again(
    data: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    """--resume says so, and the same place without it is begun anew with nothing left of the first."""
    config = _config(data, tiny_model_folder, tmp_path / "run")
    left = partial_folder(tmp_path / "run") / "left.bin"
    left.parent.mkdir()
    left.write_bytes(b"x")
    refused = run_here("tune", "--resume", tmp_path / "run")
    assert (refused.status, "before its settings were saved" in refused.error) == (2, True)
    assert f"--out {tmp_path / 'run'}" in refused.hint
    run = tune(config)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert not (run.folder / left.name).exists()


def test_starting_anew_replaces_an_interrupted_run(data: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    """The same --out without --resume starts from nothing and says that something was replaced."""
    config = _config(data, tiny_model_folder, tmp_path / "run")
    asked: list[bool] = []
    with pytest.raises(Interrupted):
        tune(config, Hands(_At("save", lambda: asked.append(True)), lambda: bool(asked)))
    notes: list[str] = []

    class Notes(Silent):
        def note(self, message: str) -> None:
            notes.append(message)

    run = tune(config, Hands(Notes()))
    assert any("is replaced" in note for note in notes)
    assert [step for step, _ in _losses(run.folder)] == list(range(1, run.verdict["steps"] + 1))
