"""Runs of the real command that are killed with `kill -9` at a random moment, resumed, and compared with one that ran
through."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from tests.functional.command_line import Outcome, finish, start
from vectune.monitor.metric_log import read_metrics
from vectune.train.checkpoints import Checkpoints
from vectune.workflows.fitting import CHECKPOINTS
from vectune.workflows.tune import partial_folder

DECIDED = (0, 3, 4)  # exit statuses of a run that came to a verdict
EPOCHS = {"full": 60, "lora": 40, "adapter": 5000, "static": 150}
"""Over how many epochs a tiny model trains for several seconds by each method: an adapter, whose checkpoints are two
seconds apart, is to have some of them."""
_ATTEMPTS = 20
_SETTINGS = {"train.patience": "1000000", "train.evals_per_epoch": "1", "evaluate.general": "false"}

Run = Callable[..., Outcome]
"""Runs the command with arguments, in this process or another."""


def _in_a_process(*arguments: object) -> Outcome:
    return finish(start(*arguments))


@dataclass(frozen=True)
class Survivor:
    """A run that was killed: how many steps its log held then, whether a checkpoint was being written, and of which
    step there was one (0: none); whether it was resumed and ended the same."""

    killed_at_step: int
    in_checkpoint: bool
    checkpoint_step: int
    resumed: bool
    identical: bool
    message: str


@dataclass(frozen=True)
class Undisturbed:
    """The run that nobody killed: its arguments, what it measured, and the seconds from its settings to its end."""

    arguments: tuple[str, ...]
    measured: list[tuple[str, int, float]]
    seconds: float


def arguments_of(method: str, base: Path, folder: Path, checkpoint_steps: int) -> list[str]:
    """What the command is given to train `base` by `method` on pairs that are written to `folder`, long enough to be
    killed in the middle."""
    data = write_jsonl(folder / "pairs.jsonl", overlapping_pairs(60))
    settings = {**_SETTINGS, "train.checkpoint_steps": str(checkpoint_steps)}
    flags = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    return [str(data), "--base", str(base), "--method", method, "--epochs", str(EPOCHS[method]), *flags]


def measured(folder: Path) -> list[tuple[str, int, float]]:
    """Every loss and every dev score of a run, in the order of the log."""
    events = read_metrics(folder / "metrics.jsonl")
    named = {"train": "loss", "dev": "score"}
    return [(e["event"], e["step"], e[named[e["event"]]]) for e in events if e["event"] in named]


def run_undisturbed(arguments: Sequence[str], folder: Path) -> Undisturbed:
    """Run the command to its end."""
    process = start("tune", *arguments, "--out", folder)
    begun = _wait_for_settings(process, folder)
    outcome = finish(process)
    assert outcome.status in DECIDED, outcome.err
    return Undisturbed(tuple(arguments), measured(folder), time.perf_counter() - begun)


def kill_and_resume(whole: Undisturbed, folder: Path, draw: random.Random, resume: Run = _in_a_process) -> Survivor:
    """Kill a run like `whole` at a moment drawn between its settings file and its end, and resume it by `resume`.

    A run that came to its end before the kill is done again with another moment, within the time that it took: the
    machine may be many times quicker now than it was.
    """
    seconds = whole.seconds
    for _ in range(_ATTEMPTS):
        process = start("tune", *whole.arguments, "--out", folder)
        begun = _wait_for_settings(process, folder)
        moment = begun + draw.uniform(0, seconds)
        while process.poll() is None and time.perf_counter() < moment:
            time.sleep(0.001)
        process.kill()
        finish(process)
        seconds = min(seconds, time.perf_counter() - begun)
        if partial_folder(folder).is_dir():
            return _resumed(whole, folder, resume)
        shutil.rmtree(folder)
    raise AssertionError("every run came to its end before it could be killed")


def _resumed(whole: Undisturbed, folder: Path, resume: Run) -> Survivor:
    partial = partial_folder(folder)
    steps = [step for event, step, _ in measured(partial) if event == "train"]
    in_checkpoint = any((partial / CHECKPOINTS).glob(".step-*"))
    checkpoint_step = Checkpoints(partial / CHECKPOINTS).latest_step()
    outcome = resume("tune", "--resume", folder)
    resumed = outcome.status in DECIDED and not partial.exists()
    identical = resumed and measured(folder) == whole.measured
    return Survivor(max(steps, default=0), in_checkpoint, checkpoint_step, resumed, identical, outcome.err)


def _wait_for_settings(process: subprocess.Popen[bytes], folder: Path) -> float:
    """The moment at which the run can be resumed from, or at which it ended."""
    settings = partial_folder(folder) / "config.toml"
    while process.poll() is None and not settings.is_file():
        time.sleep(0.002)
    return time.perf_counter()
