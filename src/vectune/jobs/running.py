"""One job from the lease to its end: files validated, tuned, results kept, model registered."""

from __future__ import annotations

import logging
import shutil
import tomllib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vectune.config import TuneConfig
from vectune.config.jobs import JobsConfig
from vectune.config.load import parse_config
from vectune.config.remote import is_remote
from vectune.errors import Interrupted, NotFound, StorageError
from vectune.jobs.checkpoint_models import CheckpointModels, has_checkpoint_models, method_of
from vectune.jobs.event_log import NewEvent
from vectune.jobs.failures import failure, is_database_away
from vectune.jobs.files import ERROR, UPLOADED, FileStore, StoredFile
from vectune.jobs.first_load import load_once
from vectune.jobs.hyperparameters import train_settings, unused
from vectune.jobs.job import CANCELLED, RUNNING, Job
from vectune.jobs.leases import Leases, Outcome
from vectune.jobs.limits import JobLimits, refuse_long
from vectune.jobs.models import MODELS, base_place, model_name
from vectune.jobs.refusals import LeaseLost, UnfitFile
from vectune.jobs.results import METRICS, keep_results, remove_results, trained_tokens
from vectune.jobs.run_events import RunEvents, verdict_event
from vectune.jobs.validated import validating
from vectune.jobs.watch import EXCEEDED, LOST, Deadline, Watch
from vectune.jobs.work_folder import held
from vectune.monitor.progress import Stoppable
from vectune.store.run_folder import VERDICT, read_verdict

_log = logging.getLogger(__name__)
JOBS = "jobs"
_OPERATORS = ("threads", "checkpoint_steps")
"""Settings of training that are the operator's; a run goes on with those that it began with."""


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

    What goes wrong ends the job with an error in words of its owner; the log has the rest. While the database gives no
    answer nothing is decided: the lease ends, and a worker that the database answers goes on.
    """
    folder = shop.home / JOBS / job.id
    job = replace(job, base=base_place(job.base, shop.home))
    names = {str(shop.home): "the server's folder"}
    if Path(job.base).is_absolute():
        names[job.base] = job.model
    watch: Watch | None = None
    try:
        known = shop.leases.known_events(job.id)
        file = _file(job, shop, "training_file", job.training_file)
        others: dict[str, str] = {}
        if job.validation_file is not None:
            others["dev"] = _file(job, shop, "validation_file", job.validation_file).filename
        told = RunEvents((_work_folder(folder), folder / "run"), file.filename, known, others)
        watch = Watch(job.id, shop.leases, told, names, shop.config, shop.deadline(job))
        watch.ending = shop.ending
        watch.limits = JobLimits(shop.config, folder).look
        watch.start()
        stoppable = Stoppable(watch.standing, watch.stop)
        with held(folder, lambda: stoppable.advance(0), shop.leases.seconds):
            _carry_out(job, shop, watch, names)
    except (Interrupted, LeaseLost) as stopped:
        if watch is not None and watch.wanted == EXCEEDED and watch.exceeded is not None:
            _fail(job, shop, watch, watch.exceeded, names)
        else:
            _leave(job, shop, watch, stopped)
    except Exception as error:
        if is_database_away(error):
            _put_off(job, watch, error)
        else:
            _fail(job, shop, watch, error, names)


def clear_cancelled(job: Job, home: Path, files: FileStore) -> None:
    """Remove what a cancelled job left; models from its middle stay."""
    shutil.rmtree(home / JOBS / job.id, ignore_errors=True)
    shutil.rmtree(home / MODELS / job.id, ignore_errors=True)
    remove_results(files, job)


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
        "train": train | _begun_with(_work_folder(out.parent)) | train_settings(job.hyperparameters),
        "evaluate": {"general": config.general},
        "remote": config.remote.model_dump(mode="json") if is_remote(job.base) else {},
    }
    return parse_config(TuneConfig, content, "the job")


def _carry_out(job: Job, shop: Workshop, watch: Watch, names: dict[str, str]) -> None:
    """All that is between the lease and the end of a job that nobody stops."""
    _validate(job, shop, watch)
    shop.leases.begin(job.id)
    _tell_unused(job, shop)
    kept = CheckpointModels(job, shop.home, shop.leases, watch.standing, shop.config.checkpoint_models)
    with ExitStack() as paths:
        _tune(job, shop, watch, kept, _paths(job, shop, names, paths))
    kept.prune()
    outcome = _outcome(job, shop, watch, names)
    watch.finish()
    shop.leases.succeed(job.id, outcome)


def _validate(job: Job, shop: Workshop, watch: Watch) -> None:
    """Read the files as training would; UnfitFile when one can't be used."""
    stoppable = Stoppable(watch.standing, watch.stop)
    for what, name in (("training", job.training_file), ("validation", job.validation_file)):
        if name is None:
            continue
        shop.leases.add_events(job.id, [validating(what, name)])
        file = _file(job, shop, f"{what}_file", name)
        if file.status == UPLOADED:
            file = shop.files.validate(name, stoppable)
        if file.status == ERROR:
            said = f"The {what} file {name} can't be used: {file.status_details}"
            raise UnfitFile(said, param=f"{what}_file")


def _file(job: Job, shop: Workshop, param: str, name: str) -> StoredFile:
    try:
        return shop.files.get(job.project, name, held=True)
    except NotFound as error:
        what = param.removesuffix("_file")
        raise UnfitFile(
            f"The {what} file {name} is not there any more.",
            "Upload it again and create the job with the new file.",
            param,
        ) from error


def _tell_unused(job: Job, shop: Workshop) -> None:
    names = unused(job.hyperparameters)
    if names:
        said = f"These hyperparameters mean nothing to an embedding model and are not used: {', '.join(names)}."
        shop.leases.add_events(job.id, [NewEvent("unused", said, level="warn")])


def _paths(job: Job, shop: Workshop, names: dict[str, str], stack: ExitStack) -> dict[str, Path]:
    """The files of the job on this machine; `names` learns what they are called by their owner."""
    found = {}
    for side, param, name in (
        ("train", "training_file", job.training_file), ("dev", "validation_file", job.validation_file)
    ):  # fmt: skip
        if name is not None:
            file = _file(job, shop, param, name)
            path = stack.enter_context(shop.files.local(job.project, name, held=True))
            names[str(path)] = file.filename
            refuse_long(path, param, shop.config)
            found[side] = path
    return found


def _tune(job: Job, shop: Workshop, watch: Watch, kept: CheckpointModels, paths: dict[str, Path]) -> None:
    """Run the workflow, on from where an earlier worker stopped; nothing is left to do where a run is there."""
    from vectune.train.checkpoints import ForeignCheckpoint
    from vectune.workflows.fitting import CHECKPOINTS
    from vectune.workflows.tune import Hands, tune

    out = shop.home / JOBS / job.id / "run"
    work = _work_folder(out.parent)
    if (out / VERDICT).is_file():
        shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)  # a worker that was killed in removing them
        watch.run_is_there(int(read_verdict(out)["steps"]))
        return
    watch.method = method_of(job)
    hands = Hands(watch.standing, watch.stop, resume=work.is_dir())
    if kept.most and has_checkpoint_models(job):
        hands = replace(hands, evaluated=kept)
    try:
        tune(tune_config(job, shop.config, paths, out), hands)
    except ForeignCheckpoint:
        watch.standing.note("what was trained so far is of another version or machine; training begins anew")
        shutil.rmtree(work, ignore_errors=True)
        tune(tune_config(job, shop.config, paths, out), replace(hands, resume=False))


def _begun_with(work: Path) -> dict[str, Any]:
    """The operator's settings that the run in `work` began with: its checkpoints are good under these alone."""
    try:
        content = tomllib.loads((work / "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    train = content.get("train", {})
    return {name: train[name] for name in _OPERATORS if name in train}


def _outcome(job: Job, shop: Workshop, watch: Watch, names: dict[str, str]) -> Outcome:
    """Keep the results and put the model into its place; each step may have been done before."""
    stoppable = Stoppable(watch.standing, watch.stop)
    run = shop.home / JOBS / job.id / "run"
    verdict = read_verdict(run)
    location = f"{MODELS}/{job.id}"
    model = shop.home / location
    if not model.is_dir():
        model.parent.mkdir(parents=True, exist_ok=True)
        (run / "model").rename(model)
    stoppable.stage("export")
    load_once(model, run.parent / "loaded", shop.config.backend)
    stoppable.stage("keep the results")
    results = keep_results(shop.files, job, run, names)
    name = model_name(job.model, job.project, job.suffix, job.id)
    events = (
        verdict_event(verdict),
        NewEvent("model", f"New fine-tuned model created: {name}"),
        NewEvent("succeeded", "The job has successfully completed"),
    )
    dims = tuple(verdict.get("dims") or ())
    return Outcome(name, location, dims, trained_tokens(run / METRICS), results, events)


def _leave(job: Job, shop: Workshop, watch: Watch | None, stopped: Exception) -> None:
    """The work was stopped: the job is given back, and what a cancelled one left is removed."""
    wanted = LOST
    if watch is not None:
        watch.close()
        wanted = _found_out(job, shop, watch.wanted)
    _log.info("the job %s was left (%s): %s", job.id, wanted, stopped)
    if wanted == CANCELLED:
        clear_cancelled(job, shop.home, shop.files)
    shop.leases.let_go(job.id)


def _found_out(job: Job, shop: Workshop, heard: str) -> str:
    """What the job is wanted to be, of which `heard` was what the watch heard last: the work may have heard more, and
    a cancel may have come since."""
    if heard in (LOST, CANCELLED):
        return heard
    try:
        now = shop.leases.heartbeat(job.id)
    except LeaseLost:
        return LOST
    except StorageError:
        return heard
    return now if heard == RUNNING or now == CANCELLED else heard


def _put_off(job: Job, watch: Watch | None, error: Exception) -> None:
    _log.error("the job %s is left until the database answers", job.id, exc_info=error)
    if watch is not None:
        watch.close()


def _fail(job: Job, shop: Workshop, watch: Watch | None, error: Exception, names: dict[str, str]) -> None:
    """End the job with its error; it never goes on, so its work is removed."""
    _log.error("the job %s failed", job.id, exc_info=error)
    if watch is not None:
        watch.close()
    try:
        shop.leases.fail(job.id, failure(error, names))
    except LeaseLost as lost:
        _leave(job, shop, watch, lost)
    else:
        shutil.rmtree(shop.home / JOBS / job.id, ignore_errors=True)


def _work_folder(folder: Path) -> Path:
    """Where the run of a job works before it is done."""
    return folder / ".run.partial"
