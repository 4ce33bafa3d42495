"""Checkpoints are whole, are the last two, and are passed over when they are not what was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vectune.errors import TrainingError
from vectune.train.checkpoints import Checkpoints, TrainingState

FILES = ["weights.safetensors", "moments.safetensors", "best.safetensors", "counters.json", "checksums.json"]


def _state(step: int) -> TrainingState:
    weights = {"w": torch.full((2, 3), float(step))}
    return TrainingState({"step": step, "loss": 0.5, "best_score": None}, weights, {"0.exp_avg": torch.ones(3)}, {})


def _saved(folder: Path, *steps: int) -> Path:
    for step in steps:
        Checkpoints(folder, "one").save(_state(step))
    return folder / f"step-{steps[-1]:08d}"


def test_newest_is_given_back(tmp_path: Path) -> None:
    """All that was saved comes back; the last two checkpoints are kept."""
    checkpoints = Checkpoints(tmp_path / "c", "one")
    for step in (5, 10, 100):
        checkpoints.save(_state(step))
    state = checkpoints.latest()
    assert state is not None
    assert dict(state.counters) == {"step": 100, "loss": 0.5, "best_score": None}
    assert torch.equal(state.weights["w"], torch.full((2, 3), 100.0))
    assert set(state.moments) == {"0.exp_avg"}
    assert state.best == {}
    assert checkpoints.latest_step() == 100
    assert checkpoints.damaged == ()
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["step-00000010", "step-00000100"]


def test_half_written_checkpoint_is_none(tmp_path: Path) -> None:
    """A folder without its files was never finished; without any other there is nothing to go on from."""
    checkpoints = Checkpoints(tmp_path / "c")
    assert (checkpoints.latest(), checkpoints.latest_step()) == (None, 0)
    (tmp_path / "c" / "step-00000007").mkdir(parents=True)
    (tmp_path / "c" / ".step-00000009.partial").mkdir()
    assert (checkpoints.latest(), checkpoints.latest_step()) == (None, 0)


def test_checkpoint_of_another_is_refused(tmp_path: Path) -> None:
    """A checkpoint belongs to the data and settings that it was made with."""
    Checkpoints(tmp_path / "c", "one").save(_state(5))
    with pytest.raises(TrainingError, match="another base, other data or other settings"):
        Checkpoints(tmp_path / "c", "two").latest()


def _cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-3] ^= 0b100
    file.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [_cut_off, _empty, _flip, Path.unlink])
@pytest.mark.parametrize("file", FILES)
def test_damaged_checkpoint_is_passed_over(file: str, damage: Callable[[Path], None], tmp_path: Path) -> None:
    """Whatever file is cut off, emptied, gone or has one bit flipped: the checkpoint before it is given back."""
    newest = _saved(tmp_path / "c", 5, 10)
    damage(newest / file)
    checkpoints = Checkpoints(tmp_path / "c", "one")
    assert checkpoints.latest_step() == 5
    state = checkpoints.latest()
    assert state is not None
    assert state.counters["step"] == 5
    assert checkpoints.damaged == ("step-00000010",)


def test_every_bit_counts(tmp_path: Path) -> None:
    """A flip anywhere in a file of weights is noticed."""
    newest = _saved(tmp_path / "c", 5)
    file = newest / "weights.safetensors"
    content = file.read_bytes()
    for place in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[place] ^= 1
        file.write_bytes(bytes(flipped))
        assert Checkpoints(tmp_path / "c", "one").latest() is None
    file.write_bytes(content)
    assert Checkpoints(tmp_path / "c", "one").latest_step() == 5


def test_damaged_ones_make_room_for_new_ones(tmp_path: Path) -> None:
    """The step is written again where a damaged one stood; damaged ones do not count among the two that are kept."""
    newest = _saved(tmp_path / "c", 5, 10)
    _flip(newest / "weights.safetensors")
    checkpoints = Checkpoints(tmp_path / "c", "one")
    assert checkpoints.latest_step() == 5
    checkpoints.save(_state(8))
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["step-00000005", "step-00000008"]
    checkpoints.save(_state(10))
    assert Checkpoints(tmp_path / "c", "one").latest_step() == 10


def test_all_damaged_is_as_none(tmp_path: Path) -> None:
    """With no sound checkpoint there is nothing to go on from; both are named, newest first."""
    newest = _saved(tmp_path / "c", 5, 10)
    _cut_off(newest / "counters.json")
    _cut_off(newest.with_name("step-00000005") / "best.safetensors")
    checkpoints = Checkpoints(tmp_path / "c", "one")
    assert (checkpoints.latest(), checkpoints.latest_step()) == (None, 0)
    assert checkpoints.damaged == ("step-00000010", "step-00000005")


def test_what_a_killed_writer_left_is_cleared(tmp_path: Path) -> None:
    """A half-written folder of any step goes when the next checkpoint is written."""
    folder = tmp_path / "c"
    _saved(folder, 5)
    (folder / ".step-00000007.partial").mkdir()
    (folder / ".step-00000007.partial" / "weights.safetensors").write_bytes(b"half")
    Checkpoints(folder, "one").save(_state(10))
    assert sorted(path.name for path in folder.iterdir()) == ["step-00000005", "step-00000010"]


def test_saving_a_step_twice_keeps_the_first(tmp_path: Path) -> None:
    """The end of training may fall on a step that was saved already."""
    folder = _saved(tmp_path / "c", 5)
    before = (folder / "weights.safetensors").stat().st_mtime_ns
    Checkpoints(tmp_path / "c", "one").save(_state(5))
    assert (folder / "weights.safetensors").stat().st_mtime_ns == before
