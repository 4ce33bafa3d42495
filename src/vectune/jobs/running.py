"""One job from the lease to its end: files validated, tuned, results kept, model registered."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vectune.config import TuneConfig
from vectune.config.jobs import JobsConfig
from vectune.config.load import parse_config
from vectune.errors import DataError, Interrupted
from vectune.jobs.checkpoint_models import CheckpointModels
from vectune.jobs.event_log import NewEvent
from vectune.jobs.failures import failure
from vectune.jobs.files import ERROR, UPLOADED, FileStore
from vectune.jobs.hyperparameters import train_settings, unused
from vectune.jobs.job import CANCELLED, RUNNING, Job
from vectune.jobs.leases import Leases, Outcome
from vectune.jobs.models import MODELS, model_name
from vectune.jobs.refusals import LeaseLost
from vectune.jobs.results import METRICS, keep_results, trained_tokens
from vectune.jobs.run_events import RunEvents, verdict_event
from vectune.jobs.watch import LOST, Deadline, Watch
from vectune.monitor.progress import Stoppable
from vectune.store.run_folder import VERDICT, read_verdict

if TYPE_CHECKING:
    from vectune.workflows.tune import Hands

_log = logging.getLogger(__name__)
JOBS = "jobs"
_WHOLE_MODELS = ("full", "static")
"""Methods whose model can be saved as it is in the middle of training."""


@dataclass(frozen=True)
class Workshop:
    """Where a worker works and with what. `ending` says whether the worker is to end; `deadline` ends it at once."""

    home: Path
    files: FileStore
    leases: Leases
    config: JobsConfig
    ending: Callable[[], bool]
    deadline: Callable[[Job], Deadline]


def run_job(job: Job, shop: Workshop) -> None:
    """Bring the job to its end, or as far as it may go: paused and unfinished ones are given back.

    What goes wrong ends the job with an error in words of its owner; the log has the rest.
    """
    folder = shop.home / JOBS / job.id
    names: dict[str, str] = {}
    watch: Watch | None = None
    try:
        known = shop.leases.known_events(job.id)
        told = RunEvents(_work_folder(folder), shop.files.get(job.project, job.training_file).filename, known)
        config = shop.config
        watch = Watch(
            job.id, shop.leases, told, names, config.poll_seconds, config.stop_seconds, shop.deadline(job)
        )  # fmt: skip
        watch.ending = shop.ending
        watch.start()
        _validate(job, shop, watch)
        shop.leases.begin(job.id)
        _tell_unused(job, shop)
        kept = CheckpointModels(job, shop.home, shop.leases, watch.standing, config.checkpoint_models)
        with ExitStack() as paths:
            _tune(job, shop, _hands(job, watch, kept, folder), _paths(job, shop, names, paths))
        watch.finish()
        kept.prune()
        _succeed(job, shop, folder / "run")
    except (Interrupted, LeaseLost) as stopped:
        _leave(job, shop, watch, stopped)
    except Exception as error:
        _fail(job, shop, watch, error, names)


def clear_cancelled(job: Job, home: Path) -> None:
    """Remove what a cancelled job left."""
    shutil.rmtree(home / JOBS / job.id, ignore_errors=True)


def tune_config(job: Job, config: JobsConfig, paths: dict[str, Path], out: Path) -> TuneConfig:
    """The settings of the run that the job asks for. `paths` has `train` and perhaps `dev`."""
    seed = {} if job.seed is None else {"seed": job.seed}
    train = {"checkpoint_steps": config.checkpoint_steps, "threads": config.threads, **seed}
    content: dict[str, Any] = {
        "path": str(paths["train"]),
        "dev": str(paths["dev"]) if "dev" in paths else None,
        "base": job.base,
        "out": str(out),
        "name": job.suffix or job.id,
        "train": train | train_settings(job.hyperparameters),
        "evaluate": {"general": config.general},
    }
    return parse_config(TuneConfig, content, "the job")


def _validate(job: Job, shop: Workshop, watch: Watch) -> None:
    """Read the files as training would; DataError when one can't be used."""
    stoppable = Stoppable(watch.standing, watch.stop)
    for what, name in (("training", job.training_file), ("validation", job.validation_file)):
        if name is None:
            continue
        shop.leases.add_events(job.id, [NewEvent(f"validating {what}", f"Validating {what} file: {name}")])
        file = shop.files.get(job.project, name)
        if file.status == UPLOADED:
            file = shop.files.validate(name, stoppable)
        if file.status == ERROR:
            raise DataError(f"The {what} file {name} can't be used: {file.status_details}")


def _tell_unused(job: Job, shop: Workshop) -> None:
    names = unused(job.hyperparameters)
    if names:
        said = f"These hyperparameters mean nothing to an embedding model and are not used: {', '.join(names)}."
        shop.leases.add_events(job.id, [NewEvent("unused", said, level="warn")])


def _paths(job: Job, shop: Workshop, names: dict[str, str], held: ExitStack) -> dict[str, Path]:
    """The files of the job on this machine; `names` learns what they are called by their owner."""
    found = {}
    for side, name in (("train", job.training_file), ("dev", job.validation_file)):
        if name is not None:
            path = held.enter_context(shop.files.local(job.project, name))
            names[str(path)] = shop.files.get(job.project, name).filename
            found[side] = path
    return found


def _hands(job: Job, watch: Watch, kept: CheckpointModels, folder: Path) -> Hands:
    """Who watches and stops the run, and keeps its checkpoints where the method has any that can be saved."""
    from vectune.workflows.tune import Hands

    hands = Hands(watch.standing, watch.stop, resume=_work_folder(folder).is_dir())
    whole = train_settings(job.hyperparameters).get("method", "full") in _WHOLE_MODELS
    return replace(hands, evaluated=kept) if kept.most and whole else hands


def _tune(job: Job, shop: Workshop, hands: Hands, paths: dict[str, Path]) -> None:
    """Run the workflow, on from where an earlier worker stopped; nothing is left to do where a run is there."""
    from vectune.workflows.tune import tune

    out = shop.home / JOBS / job.id / "run"
    if not (out / VERDICT).is_file():
        out.parent.mkdir(parents=True, exist_ok=True)
        tune(tune_config(job, shop.config, paths, out), hands)


def _succeed(job: Job, shop: Workshop, run: Path) -> None:
    """Keep the results, put the model into its place and end the job; each step may have been done before."""
    verdict = read_verdict(run)
    results = keep_results(shop.files, job, run)
    location = f"{MODELS}/{job.id}"
    model = shop.home / location
    if not model.is_dir():
        model.parent.mkdir(parents=True, exist_ok=True)
        (run / "model").rename(model)
    name = model_name(job.model, job.project, job.suffix, job.id)
    events = (
        verdict_event(verdict),
        NewEvent("model", f"New fine-tuned model created: {name}"),
        NewEvent("succeeded", "The job has successfully completed"),
    )
    dims = tuple(verdict.get("dims") or ())
    shop.leases.succeed(job.id, Outcome(name, location, dims, trained_tokens(run / METRICS), results, events))


def _leave(job: Job, shop: Workshop, watch: Watch | None, stopped: Exception) -> None:
    """The work was stopped: the job is given back, and what a cancelled one left is removed."""
    wanted = LOST
    if watch is not None:
        watch.close()
        wanted = watch.wanted if watch.wanted != RUNNING else _found_out(job, shop)
    _log.info("the job %s was left (%s): %s", job.id, wanted, stopped)
    if wanted == CANCELLED:
        clear_cancelled(job, shop.home)
    shop.leases.let_go(job.id)


def _found_out(job: Job, shop: Workshop) -> str:
    """What the job is wanted to be, when the work heard before the watch did that it may not go on."""
    try:
        return shop.leases.heartbeat(job.id)
    except LeaseLost:
        return LOST


def _fail(job: Job, shop: Workshop, watch: Watch | None, error: Exception, names: dict[str, str]) -> None:
    _log.error("the job %s failed", job.id, exc_info=error)
    if watch is not None:
        watch.close()
    try:
        shop.leases.fail(job.id, failure(error, names))
    except LeaseLost as lost:
        _log.info("the job %s was over already: %s", job.id, lost)


def _work_folder(folder: Path) -> Path:
    """Where the run of a job works before it is done."""
    return folder / ".run.partial"
