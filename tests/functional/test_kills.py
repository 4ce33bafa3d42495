"""`kill -9` at random moments loses nothing: the resumed run has the losses of the run that was never killed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from tests.functional.command_line import run_here
from tests.functional.killing import Undisturbed, arguments_of, kill_and_resume, run_undisturbed


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Runs in this process train with two threads; whoever comes after has what there was."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def whole(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """A run with two micro-batches at once and a checkpoint at every step, so that many moments lie in writing one."""
    root = tmp_path_factory.mktemp("whole")
    data = write_jsonl(root / "pairs.jsonl", overlapping_pairs(60))
    settings = {
        "train.threads": "2", "train.checkpoint_steps": "1", "train.patience": "1000", "train.evals_per_epoch": "1",
        "evaluate.general": "false",
    }  # fmt: skip
    flags = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    return run_undisturbed([str(data), "--base", str(tiny_model_folder), "--epochs", "20", *flags], root / "run")


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_run_ends_with_the_identical_losses(whole: Undisturbed, seed: int, tmp_path: Path) -> None:
    """Killed at a moment drawn from a seed and resumed: every loss and dev score is the same, to the last bit. A
    checkpoint of every step is written after the step is logged, so no more than one step is done again."""
    survivor = kill_and_resume(whole, tmp_path / "run", random.Random(seed), resume=run_here)
    assert survivor.killed_at_step - survivor.checkpoint_step in (0, 1)
    assert survivor.resumed, survivor.message
    assert survivor.identical


@pytest.mark.slow_kill
@pytest.mark.timeout(3600)
def test_thirty_killed_runs_end_with_the_identical_losses(whole: Undisturbed, tmp_path: Path) -> None:
    """The same for thirty moments; those in training and in the writing of a checkpoint are among them."""
    draw = random.Random(30)
    survivors = [kill_and_resume(whole, tmp_path / f"run{number}", draw) for number in range(30)]
    assert [survivor.message for survivor in survivors if not survivor.resumed] == []
    assert all(survivor.identical for survivor in survivors)
    assert any(survivor.in_checkpoint for survivor in survivors)
    assert len({survivor.killed_at_step for survivor in survivors}) > 5


@pytest.mark.slow_kill
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("method", ["lora", "adapter", "static"])
def test_ten_killed_runs_of_a_method_end_with_the_identical_losses(
    method: str, tiny_model_folder: Path, tmp_path: Path
) -> None:
    """The same for ten moments of each other method; runs that go on from a checkpoint are among them."""
    whole = run_undisturbed(arguments_of(method, tiny_model_folder, tmp_path, checkpoint_steps=1), tmp_path / "whole")
    draw = random.Random(10)
    survivors = [kill_and_resume(whole, tmp_path / f"run{number}", draw) for number in range(10)]
    assert [survivor.message for survivor in survivors if not survivor.resumed] == []
    assert all(survivor.identical for survivor in survivors)
    assert any(survivor.checkpoint_step for survivor in survivors)
