"""Where training stands, on disk: weights, optimiser state and counters, as safetensors and JSON."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from vectune.errors import TrainingError
from vectune.store.atomic import folder_aside

_KEEP = 2


@dataclass(frozen=True)
class TrainingState:
    """All that the loop needs to go on as if it had never stopped.

    `weights` and `best` by parameter name; `moments` by `NUMBER.KEY` of the optimiser's state; `counters` are plain
    numbers: steps done, best score and so on.
    """

    counters: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    moments: Mapping[str, Tensor]
    best: Mapping[str, Tensor]


class Checkpoints:
    """A folder of checkpoints, the last two kept; one is there wholly or not at all.

    `identity` names the data and settings that the checkpoints belong to; those of another are refused.
    """

    def __init__(self, folder: Path, identity: str = "") -> None:
        self._folder = folder
        self._identity = identity

    def save(self, state: TrainingState) -> Path:
        """Write a checkpoint aside, rename it into place, and drop the ones before the last two."""
        self._folder.mkdir(parents=True, exist_ok=True)
        final = self._folder / f"step-{state.counters['step']:08d}"
        if final.exists():
            return final
        with folder_aside(final) as aside:
            for name in ("weights", "moments", "best"):
                save_file(
                    {key: value.contiguous() for key, value in getattr(state, name).items()},
                    aside / f"{name}.safetensors",
                )
            counters = {**state.counters, "identity": self._identity}
            (aside / "counters.json").write_text(json.dumps(counters), encoding="utf-8")
        for old in self._finished()[:-_KEEP]:
            shutil.rmtree(old)
        return final

    def latest(self) -> TrainingState | None:
        """The newest checkpoint; None when there is none. TrainingError when it is of other data or settings."""
        finished = self._finished()
        if not finished:
            return None
        folder = finished[-1]
        parts = {name: load_file(folder / f"{name}.safetensors") for name in ("weights", "moments", "best")}
        counters = json.loads((folder / "counters.json").read_text(encoding="utf-8"))
        if counters.pop("identity") != self._identity:
            raise TrainingError(
                "The checkpoint belongs to other data or settings.", "Start again without --resume, in a new folder."
            )
        return TrainingState(counters=counters, **parts)

    def latest_step(self) -> int:
        """Steps done at the newest checkpoint; 0 when there is none."""
        finished = self._finished()
        return int(finished[-1].name.removeprefix("step-")) if finished else 0

    def _finished(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("step-*") if (path / "counters.json").is_file())
