"""An adapter's training that is stopped, killed or finds its checkpoint damaged ends as if nothing had happened."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes.hash_encoder import HashEncoder
from tests.fakes.word_rows import code_pairs
from vectune.config import TrainConfig
from vectune.encode.adapted import QueryAdapter
from vectune.errors import Interrupted, TrainingError
from vectune.monitor.progress import Silent
from vectune.records import Retrieval
from vectune.train.adapter import AdapterSurroundings, AdapterTrainer
from vectune.train.adapter_rows import adapter_rows
from vectune.train.checkpoints import Checkpoints, TrainingState
from vectune.train.loop import Trained

ENCODER = HashEncoder(dim=32)
PAIRS = code_pairs(50)
ROWS = adapter_rows(
    Retrieval(
        {f"q{n}": row["query"] for n, row in enumerate(PAIRS)},
        {f"d{n}": row["positive"] for n, row in enumerate(PAIRS)},
        {f"q{n}": {f"d{n}": 1} for n in range(len(PAIRS))},
    )
)
QUERIES, DOCUMENTS = ENCODER.encode(ROWS.queries), ENCODER.encode(ROWS.documents)
SETTINGS: dict[str, Any] = {"method": "adapter", "batch_size": 16, "epochs": 30, "adapter_rank": 8, "patience": 100}
STEPS = 120  # thirty epochs of four batches, of which the last is small


class Killed(Exception):  # noqa: N818 - what happens
    """The end of a process, of which the code takes no notice."""


@dataclass
class Watched(Silent):
    """Remembers all that is logged and said; dies after the loss of step `killed_at`."""

    killed_at: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def note(self, message: str) -> None:
        self.said.append(message)

    def write(self, event: str, **values: Any) -> None:
        self.events.append({"event": event, **values})
        if event == "train" and values["step"] == self.killed_at:
            raise Killed

    def up_to(self, step: int) -> list[dict[str, Any]]:
        """What a log that is taken back to `step` holds."""
        return [event for event in self.events if event["step"] <= step]


def dev(adapter: QueryAdapter) -> float:
    """A score that rises and falls: the best map is one of the middle."""
    return -abs(float(np.square(adapter.up).sum()) - 0.1)


def stop_after(steps: int) -> Callable[[], bool]:
    asked = iter(range(steps - 1))
    return lambda: next(asked, None) is None


def train(
    watched: Watched,
    checkpoints: Checkpoints | None = None,
    stop: Callable[[], bool] = lambda: False,
    score: Callable[[QueryAdapter], float] | None = dev,
    **settings: Any,
) -> tuple[QueryAdapter, Trained]:
    """Train with a clock by which every checkpoint comes in its time."""
    hours: Iterator[int] = count(0, 3600)
    config = TrainConfig.model_validate(SETTINGS | settings)
    around = AdapterSurroundings(score, watched, checkpoints, watched, stop, lambda: float(next(hours)))
    return AdapterTrainer(ROWS, QUERIES, DOCUMENTS, config, around).run()


def assert_same(one: tuple[QueryAdapter, Trained], other: tuple[QueryAdapter, Trained]) -> None:
    """Equal maps to the bit, and all that is told of the training."""
    np.testing.assert_array_equal(one[0].up, other[0].up)
    np.testing.assert_array_equal(one[0].down, other[0].down)
    assert one[1] == other[1]


@pytest.mark.parametrize("settings", [{}, {"adapter_candidates": 24}, {"dims": (32, 8)}, {"patience": 5}])
@pytest.mark.parametrize("step", [1, 6, 40, 83])
def test_stopped_training_goes_on_to_the_same_end(step: int, settings: dict[str, Any], tmp_path: Path) -> None:
    """Stopped in the middle of an epoch or at its end, before the best map or after it: losses, scores and the map are
    those of training that nobody stopped, and each step is logged once."""
    whole, first, second = Watched(), Watched(), Watched()
    expected = train(whole, **settings)
    assert 1 < expected[1].best_step < expected[1].steps
    with pytest.raises(Interrupted, match=f"Stopped at step {step} of {STEPS}"):
        train(first, Checkpoints(tmp_path), stop_after(step), **settings)
    assert Checkpoints(tmp_path).latest_step() == step
    assert_same(train(second, Checkpoints(tmp_path), **settings), expected)
    assert first.events + second.events == whole.events


def test_without_dev_the_last_map_is_reached_all_the_same(tmp_path: Path) -> None:
    """Where nothing is scored the resumed training ends with the map of its last step."""
    expected = train(Watched(), score=None)
    assert expected[1].best_score is None
    with pytest.raises(Interrupted):
        train(Watched(), Checkpoints(tmp_path), stop_after(50), score=None)
    assert_same(train(Watched(), Checkpoints(tmp_path), score=None), expected)


def test_killed_training_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    """Without a chance to save anything, what came after the last checkpoint is done again, to the same numbers."""
    whole, first, second = Watched(), Watched(killed_at=47), Watched()
    expected = train(whole, checkpoint_steps=10)
    with pytest.raises(Killed):
        train(first, Checkpoints(tmp_path), checkpoint_steps=10)
    assert Checkpoints(tmp_path).latest_step() == 40
    assert_same(train(second, Checkpoints(tmp_path), checkpoint_steps=10), expected)
    assert first.up_to(40) + second.events == whole.events


def test_training_that_is_over_stays_so(tmp_path: Path) -> None:
    """Its end is a checkpoint: a run that was stopped after it does no step again, and an early stop holds."""
    first, again = Watched(), Watched()
    expected = train(first, Checkpoints(tmp_path), patience=5)
    assert expected[1].stopped_early
    assert_same(train(again, Checkpoints(tmp_path), patience=5), expected)
    assert again.events == []


def test_damaged_checkpoint_is_passed_over_and_said(tmp_path: Path) -> None:
    """A flipped bit: training goes on from the checkpoint before; without that one from the first step."""
    whole = Watched()
    expected = train(whole, checkpoint_steps=10)
    with pytest.raises(Interrupted):
        train(Watched(), Checkpoints(tmp_path), stop_after(55), checkpoint_steps=10)
    file = tmp_path / "step-00000055" / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    shutil.copytree(tmp_path, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "step-00000050")
    for folder, where, begun in ((tmp_path, "after step 50", 50), (tmp_path / "copy", "from the first step", 0)):
        again = Watched()
        assert_same(train(again, Checkpoints(folder), checkpoint_steps=10), expected)
        assert again.events == [event for event in whole.events if event["step"] > begun]
        assert again.said == [f"the checkpoint step-00000055 is damaged and passed over; training goes on {where}"]


def test_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    """What was trained from, on or with something else is not gone on with."""
    with pytest.raises(Interrupted):
        train(Watched(), Checkpoints(tmp_path, "one"), stop_after(5))
    with pytest.raises(TrainingError, match="another base, other data or other settings"):
        train(Watched(), Checkpoints(tmp_path, "two"))


class Counted(Checkpoints):
    """Remembers the steps that were saved."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.steps: list[int] = []

    def save(self, state: TrainingState) -> Path:
        self.steps.append(int(state.counters["step"]))
        return super().save(state)


class Ticking:
    """A sink by which each step takes `seconds`, and the clock that goes with it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._now = 100.0

    def write(self, event: str, **values: Any) -> None:
        self._now += self._seconds

    def clock(self) -> float:
        return self._now


@pytest.mark.parametrize(("seconds", "every"), [(0.0, STEPS), (0.07, 30), (9.0, 10)])
def test_checkpoints_leave_time_between_them(seconds: float, every: int, tmp_path: Path) -> None:
    """Quick steps are not held up by one flush to the disk after another: two seconds lie between two checkpoints, and
    `checkpoint_steps` where steps are slow. The end is always kept."""
    kept, time = Counted(tmp_path), Ticking(seconds)
    config = TrainConfig.model_validate(SETTINGS | {"checkpoint_steps": 10})
    around = AdapterSurroundings(sink=time, checkpoints=kept, clock=time.clock)
    AdapterTrainer(ROWS, QUERIES, DOCUMENTS, config, around).run()
    assert kept.steps == list(range(every, STEPS + 1, every))
