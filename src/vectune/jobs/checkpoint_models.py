"""Models from the middle of a job: saved after each evaluation, the newest few kept, each under a name of its own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vectune.jobs.event_log import NewEvent
from vectune.jobs.job import Job
from vectune.jobs.leases import Leases, NewCheckpoint
from vectune.jobs.models import MODELS, model_name
from vectune.jobs.standing import Standing
from vectune.store.atomic import PARTIAL, keep

if TYPE_CHECKING:
    from vectune.encode.sentence_encoder import SentenceEncoder


class CheckpointModels:
    """Hears of each evaluation of `job` and keeps the model that was evaluated under `home`, at most `most` of them.

    A step that was kept before is passed over, so that a run that is gone on with keeps nothing twice.
    """

    def __init__(self, job: Job, home: Path, leases: Leases, standing: Standing, most: int) -> None:
        self._job = job
        self._home = home
        self._leases = leases
        self._standing = standing
        self.most = most

    def __call__(self, encoder: SentenceEncoder, entry: Mapping[str, Any]) -> None:
        """Save the model, register it with its metrics, and drop those before the newest few."""
        step = int(entry["step"])
        name = f"{model_name(self._job.model, self._job.project, self._job.suffix, self._job.id)}:ckpt-step-{step}"
        location = f"{MODELS}/{self._job.id}-step-{step}"
        if not (self._home / location).is_dir():
            _save(encoder, self._home / location)
        metrics = {
            "step": step,
            "train_loss": self._standing.loss,
            "epoch": entry["epoch"],
            str(entry["measure"]).replace("@", "_at_"): entry["score"],
        }
        said = f"Checkpoint created at step {step}: {name}"
        new = NewCheckpoint(step, metrics, name, location)
        self._leases.add_checkpoint(self._job.id, new, NewEvent(f"checkpoint {step}", said))
        self.prune()

    def prune(self) -> None:
        """Remove all but the newest few, and what workers that were killed in between left behind."""
        kept = self._leases.keep_checkpoints(self._job.id, self.most)
        names = (f"{self._job.id}-step-*", f".{self._job.id}-step-*")
        for folder in (found for name in names for found in (self._home / MODELS).glob(name)):
            if f"{MODELS}/{folder.name}" not in kept:
                shutil.rmtree(folder, ignore_errors=True)


def _save(encoder: SentenceEncoder, final: Path) -> None:
    """Save the model as it is; a module that saving adds is taken off again, since training goes on with it."""
    from vectune.workflows.run_files import write_model

    num_modules = len(encoder.model)
    aside = final.with_name(f".{final.name}{PARTIAL}")
    shutil.rmtree(aside, ignore_errors=True)
    write_model(aside, encoder, ())
    keep(aside / "model", final)
    aside.rmdir()
    while len(encoder.model) > num_modules:
        del encoder.model[-1]
