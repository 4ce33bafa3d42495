"""Models from the middle of a job: saved after each evaluation, the newest few kept, each under a name of its own."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vectune.jobs.event_log import NewEvent
from vectune.jobs.hyperparameters import train_settings
from vectune.jobs.job import Job
from vectune.jobs.leases import Leases, NewCheckpoint
from vectune.jobs.models import MODELS, model_name
from vectune.jobs.refusals import DatabaseAway
from vectune.jobs.run_events import evaluated, with_reference
from vectune.jobs.standing import Standing
from vectune.store.atomic import PARTIAL, keep

if TYPE_CHECKING:
    from vectune.encode.sentence_encoder import SentenceEncoder

_METHODS = ("full", "lora", "static")
_log = logging.getLogger(__name__)


def method_of(job: Job) -> str:
    """The method that the job trains by."""
    return str(train_settings(job.hyperparameters).get("method", "full"))


def has_checkpoint_models(job: Job) -> bool:
    """Whether the job's method has models to keep in the middle. An adapter has none: it is trained in seconds, and
    each would be a copy of the whole base; what its training goes on from is no model."""
    return method_of(job) in _METHODS


class CheckpointModels:
    """Hears of each evaluation of `job` and keeps the model that was evaluated under `home`, at most `most` of them
    beside those that other jobs start from.

    A step that was kept before is passed over, so that a run that is gone on with keeps nothing twice. While the
    database gives no answer nothing is kept: training need not end for that.
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
        dims = tuple(train_settings(self._job.hyperparameters).get("dims", ()))
        if not (self._home / location).is_dir():
            with _plain(encoder, method_of(self._job)):
                _save(encoder, self._home / location, dims)
        measured = {"step": step, "train_loss": self._standing.loss, "epoch": entry["epoch"]}
        metrics = with_reference(measured | evaluated(entry))
        said = f"Checkpoint created at step {step}: {name}"
        sizes = tuple(sorted({encoder.dim, *dims}, reverse=True))
        new = NewCheckpoint(step, metrics, name, location, sizes)
        try:
            self._leases.add_checkpoint(self._job.id, new, NewEvent(f"checkpoint {step}", said))
            self.prune()
        except DatabaseAway:
            _log.exception("the checkpoint of step %s of the job %s is not kept", step, self._job.id)

    def prune(self) -> None:
        """Remove all but the newest few and what jobs start from, and what workers that were killed in between left."""
        kept = self._leases.keep_checkpoints(self._job.id, self.most)
        names = (f"{self._job.id}-step-*", f".{self._job.id}-step-*")
        for folder in (found for name in names for found in (self._home / MODELS).glob(name)):
            if f"{MODELS}/{folder.name}" not in kept:
                shutil.rmtree(folder, ignore_errors=True)


def _plain(encoder: SentenceEncoder, method: str) -> AbstractContextManager[None]:
    """While this lasts, the encoder is a model that anybody can load: low-rank updates are in the weights."""
    if method != "lora":
        return nullcontext()
    from vectune.train.methods.lora import as_if_merged

    return as_if_merged(encoder)


def _save(encoder: SentenceEncoder, final: Path, dims: tuple[int, ...]) -> None:
    """Save the model as it is; a module that saving adds is taken off again, since training goes on with it."""
    from vectune.workflows.run_files import write_model

    num_modules = len(encoder.model)
    aside = final.with_name(f".{final.name}{PARTIAL}")
    shutil.rmtree(aside, ignore_errors=True)
    write_model(aside, encoder, dims)
    keep(aside / "model", final)
    aside.rmdir()
    while len(encoder.model) > num_modules:
        del encoder.model[-1]
