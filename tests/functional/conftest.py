"""Data files in the words of the tiny model, and one finished run that many tests look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from tests.fakes.word_rows import code_pairs, overlapping_pairs, write_jsonl
from tests.functional.command_line import Outcome, finish, start


@dataclass(frozen=True)
class FinishedRun:
    """A run of the real command in a process of its own, and what it was given."""

    folder: Path
    data: Path
    outcome: Outcome


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Equal numbers in every process: sums are taken in the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny(tiny_model_folder: Path) -> tuple[str, ...]:
    """Flags for a quick `tune`: the tiny model, one thread, no everyday set."""
    return ("--base", str(tiny_model_folder), "--set", "train.threads=1", "--set", "evaluate.general=false")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Sixty pairs that share words."""
    return write_jsonl(tmp_path / "pairs.jsonl", overlapping_pairs(60))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> FinishedRun:
    """Pairs that only training can teach, tuned by the real command with every stage on."""
    root = tmp_path_factory.mktemp("finished")
    data = write_jsonl(root / "code.jsonl", code_pairs(200))
    arguments = ("--epochs", 20, "--learning-rate", 0.005, "--dims", "32,16", "--set", "train.threads=1")
    process = start("tune", data, "--base", tiny_model_folder, "--out", root / "runs" / "first", *arguments)
    return FinishedRun(root / "runs" / "first", data, finish(process))
