"""Where training stands, on disk: weights, optimiser state and counters, as safetensors and JSON, with checksums."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from vectune.errors import TrainingError
from vectune.store.atomic import PARTIAL, folder_aside
from vectune.store.checksums import is_sound, write_checksums


class ForeignCheckpoint(TrainingError):  # noqa: N818 - what was found
    """A checkpoint is of another base, other data or other settings than those at hand."""


_KEEP = 2
_TENSORS = ("weights", "moments", "best")
_COUNTERS = "counters.json"
_NEEDED = (_COUNTERS, *(f"{name}.safetensors" for name in _TENSORS))


@dataclass(frozen=True)
class TrainingState:
    """All that training needs to go on as if it had never stopped.

    `weights` and `best` by parameter name; `moments` by `NUMBER.KEY` of the optimiser's state; `counters` are plain
    numbers: steps done, best score and so on.
    """

    counters: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    moments: Mapping[str, Tensor]
    best: Mapping[str, Tensor]


class Checkpoints:
    """A folder of checkpoints, the last two kept; one is there wholly or not at all.

    Each holds the SHA-256 of its files. One whose files are not what was written (cut off, a bit flipped, a file
    gone) is passed over for the one before it; `damaged` names those that were found so. `identity` names the data and
    settings that the checkpoints belong to; those of another are refused.
    """

    def __init__(self, folder: Path, identity: str = "") -> None:
        self._folder = folder
        self._identity = identity
        self._sound: dict[Path, bool] = {}

    @property
    def damaged(self) -> tuple[str, ...]:
        """Names of the checkpoints that were looked at and are not as they were written, newest first."""
        return tuple(folder.name for folder, sound in self._sound.items() if not sound)

    def save(self, state: TrainingState) -> Path:
        """Write a checkpoint aside, rename it into place, and drop the ones before the last two.

        Damaged ones and what a killed writer left go first. A sound one of the same step stays as it is.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        final = self._folder / f"step-{state.counters['step']:08d}"
        self._clear()
        if final.exists():
            return final
        with folder_aside(final) as aside:
            for name in _TENSORS:
                save_file(
                    {key: value.contiguous() for key, value in getattr(state, name).items()},
                    aside / f"{name}.safetensors",
                )
            counters = {**state.counters, "identity": self._identity}
            (aside / _COUNTERS).write_text(json.dumps(counters), encoding="utf-8")
            write_checksums(aside)
        self._sound[final] = True
        for old in self._finished()[:-_KEEP]:
            shutil.rmtree(old)
        return final

    def latest(self) -> TrainingState | None:
        """The newest sound checkpoint, None without one. ForeignCheckpoint when its identity is another."""
        folder = self._newest_sound()
        if folder is None:
            return None
        parts = {name: load_file(folder / f"{name}.safetensors") for name in _TENSORS}
        counters = json.loads((folder / _COUNTERS).read_text(encoding="utf-8"))
        if counters.pop("identity") != self._identity:
            raise ForeignCheckpoint(
                "The checkpoint belongs to another base, other data or other settings.",
                "Start again without --resume, in a new folder.",
            )
        return TrainingState(counters=counters, **parts)

    def go_on(self, note: Callable[[str], None]) -> TrainingState | None:
        """What `latest` gives; `note` hears of each damaged checkpoint that was passed over for it."""
        state = self.latest()
        where = f"after step {state.counters['step']}" if state else "from the first step"
        for name in self.damaged:
            note(f"the checkpoint {name} is damaged and passed over; training goes on {where}")
        return state

    def latest_step(self) -> int:
        """Steps done at the newest sound checkpoint; 0 when there is none."""
        folder = self._newest_sound()
        return int(folder.name.removeprefix("step-")) if folder else 0

    def _finished(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("step-*") if path.is_dir())

    def _newest_sound(self) -> Path | None:
        for folder in reversed(self._finished()):
            if folder not in self._sound:  # hashing takes a while: once for each
                self._sound[folder] = is_sound(folder, _NEEDED)
            if self._sound[folder]:
                return folder
        return None

    def _clear(self) -> None:
        """Remove damaged checkpoints, which must not count as one of those kept, and half-written ones."""
        damaged = [folder for folder, sound in self._sound.items() if not sound]
        for folder in [*damaged, *self._folder.glob(f".step-*{PARTIAL}")]:
            shutil.rmtree(folder, ignore_errors=True)
