from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vectune.errors import TrainingError
from vectune.train.checkpoints import Checkpoints, TrainingState


def _state(step: int) -> TrainingState:
    weights = {"w": torch.full((2, 3), float(step))}
    return TrainingState({"step": step, "loss": 0.5, "best_score": None}, weights, {"0.exp_avg": torch.ones(3)}, {})


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
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["step-00000010", "step-00000100"]


def test_half_written_checkpoint_is_none(tmp_path: Path) -> None:
    """A folder without its counters was never finished; without any other there is nothing to go on from."""
    checkpoints = Checkpoints(tmp_path / "c")
    assert (checkpoints.latest(), checkpoints.latest_step()) == (None, 0)
    (tmp_path / "c" / "step-00000007").mkdir(parents=True)
    (tmp_path / "c" / ".step-00000009.partial").mkdir()
    assert (checkpoints.latest(), checkpoints.latest_step()) == (None, 0)


def test_checkpoint_of_another_is_refused(tmp_path: Path) -> None:
    """A checkpoint belongs to the data and settings that it was made with."""
    Checkpoints(tmp_path / "c", "one").save(_state(5))
    with pytest.raises(TrainingError, match="other data or settings"):
        Checkpoints(tmp_path / "c", "two").latest()
