"""`vectune tune`: read, check, split, baselines, train, interpolate, judge, save."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from vectune.config import TuneConfig
from vectune.config.remote import is_remote
from vectune.encode.allocator import keep_large_blocks
from vectune.encode.encoder import Encoder
from vectune.encode.license import license_of
from vectune.encode.loading import load_encoder
from vectune.encode.resolve import resolve_model
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import ConfigError, DataError, Interrupted, StorageError
from vectune.monitor.metric_log import MetricLog
from vectune.monitor.progress import Progress, Silent, Stoppable
from vectune.records import Labelled
from vectune.store.atomic import PARTIAL, keep, no_room, refuse_occupied, storage_error
from vectune.store.run_folder import VERDICT, default_run_folder
from vectune.train.methods.choose import choose_method
from vectune.train.no_number import ROWS_FILE
from vectune.train.teacher import SELF
from vectune.workflows.adapter import (
    AdapterBase,
    FittedAdapter,
    fit_adapter,
    open_adapter_base,
    refuse_for_weights,
)
from vectune.workflows.fitting import CHECKPOINTS, METRICS, Evaluated, Fitted, Place, fit, not_told
from vectune.workflows.judging import BASE, TUNED, Exam, Judgement, judge_all
from vectune.workflows.prepare import Prepared, TokenLimit, prepare
from vectune.workflows.run_files import (
    CONFIG,
    fingerprint_of,
    write_config,
    write_data_files,
    write_judgement,
    write_model,
    write_pages,
)
from vectune.workflows.stopwatch import Stopwatch
from vectune.workflows.trial import try_out

RUNS = Path("runs")


@dataclass(frozen=True)
class Run:
    """What `tune` gives back: where the run lies and what came of it."""

    folder: Path
    verdict: dict[str, Any]
    exit_status: int
    notes: tuple[str, ...]

    @property
    def model(self) -> Path:
        """The tuned model's folder, for `SentenceTransformer(path)`."""
        return self.folder / "model"

    @property
    def report(self) -> Path:
        """The report page."""
        return self.folder / "report.html"


@dataclass(frozen=True)
class Hands:
    """Who watches the work, who may stop it, and who hears of each evaluation while a model trains."""

    progress: Progress = field(default_factory=Silent)
    stop: Callable[[], bool] = lambda: False
    resume: bool = False
    evaluated: Evaluated = not_told


def tune(config: TuneConfig, hands: Hands | None = None) -> Run:
    """Do the whole job for `config` and leave a run folder.

    With `hands.resume`, goes on from the checkpoint of an interrupted run in the same place. Raises Interrupted when
    `hands.stop` asked for it (all is saved then), and other VectuneErrors that say what to do.
    """
    hands = hands or Hands()
    final = config.out or default_run_folder(RUNS, config.name or _data_name(config.path), datetime.now())
    if hands.resume:
        clear_finished(final)
    refuse_occupied(final)
    aside = _work_folder(final, hands)
    try:
        run = _tune_into(aside, config, hands)
        keep(aside, final, unneeded=CHECKPOINTS)
    except Interrupted as stopped:
        raise _interrupted(stopped, aside, final) from stopped
    except BaseException as error:
        refusal = no_room(error)
        full = storage_error(final, refusal) if refusal is not None else error
        resumable = _clear_unless_needed(aside)
        if isinstance(full, StorageError):
            go_on = f" To go on where it stopped: {_resume_command(final)}" if resumable else ""
            raise StorageError(full.message, full.hint + go_on) from error
        raise
    return Run(final, run.verdict, run.exit_status, run.notes)


def partial_folder(final: Path) -> Path:
    """Where a run works before it is done."""
    return final.with_name(f".{final.name}{PARTIAL}")


def clear_finished(final: Path) -> bool:
    """Remove what a kill after the last rename left of a finished run's checkpoints; whether there is such a run."""
    if not (final / VERDICT).is_file():
        return False
    shutil.rmtree(final / CHECKPOINTS, ignore_errors=True)
    return True


def _tune_into(folder: Path, config: TuneConfig, hands: Hands) -> Run:
    watch = Stopwatch()
    progress = Stoppable(hands.progress, hands.stop)
    with watch.stage("load"):
        progress.stage("load model")
        encoder = _base_encoder(config, folder)
        for note in encoder.notes:
            progress.note(note)
    with watch.stage("read and split"):
        limit = min(config.train.max_tokens or encoder.max_tokens, encoder.max_tokens)
        prepared = prepare(config, TokenLimit(encoder.count_tokens, limit), progress)
        write_config(folder, config)
        write_data_files(folder, prepared)
    for note in prepared.notes:
        progress.note(note)
    with watch.stage("train"):
        fitted = _fit(encoder, prepared, config, Place(folder, hands.progress, hands.stop, hands.evaluated))
    with watch.stage("save"):
        progress.stage("save")
        if isinstance(fitted, FittedAdapter):
            fitted.save(folder)
        else:
            write_model(folder, fitted.encoder, config.train.dims)
    with watch.stage("judge"):
        judgement = _judge(fitted, prepared, config, progress)
    facts = _facts(fitted, prepared, config) | {"seconds": watch.seconds}
    with MetricLog(folder / METRICS) as log:
        for name, seconds in watch.seconds.items():
            log.write("stage", name=name, seconds=seconds)
    verdict = write_judgement(folder, judgement, facts)
    progress.stage("report")
    write_pages(folder, None if is_remote(config.base) else license_of(config.base))
    return Run(folder, verdict, judgement.verdict.exit_status, prepared.notes)


def _base_encoder(config: TuneConfig, folder: Path) -> SentenceEncoder | AdapterBase:
    if config.train.keep_large_blocks:
        keep_large_blocks()
    if config.train.threads:
        torch.set_num_threads(config.train.threads)
    for other in (config.train.teacher, config.train.guide):
        if other not in (None, SELF):
            resolve_model(other)  # a wrong name is said before the data is read
    encoder, dim = _opened(config, folder)
    largest = max((*config.train.dims, *config.evaluate.dims), default=0)
    if largest > dim:
        raise ConfigError(
            f"dims asks for {largest}, but the vectors of the tuned model have {dim} values.",
            f"Choose dims from 1 to {dim}.",
        )
    return encoder


def _opened(config: TuneConfig, folder: Path) -> tuple[SentenceEncoder | AdapterBase, int]:
    """The base, and how long the vectors of the tuned model will be."""
    if config.train.method == "adapter":
        base = open_adapter_base(config, folder)
        return base, base.dim
    refuse_for_weights(config)
    flash = config.train.precision != "fp32"
    encoder = load_encoder(config.base, trust_remote_code=config.trust_remote_code, flash=flash)
    return encoder, choose_method(config.train).dim(encoder)


def _fit(
    base: SentenceEncoder | AdapterBase, prepared: Prepared, config: TuneConfig, place: Place
) -> Fitted | FittedAdapter:
    if isinstance(base, AdapterBase):
        return fit_adapter(base, prepared.splits, config, place)
    if config.train.method == "static":
        try_out(base, prepared.splits.test, Stoppable(place.progress, place.stop))
    return fit(base, prepared.splits, config, place)


def _judge(fitted: Fitted | FittedAdapter, prepared: Prepared, config: TuneConfig, progress: Progress) -> Judgement:
    """Base, tuned and BM25 on test, once."""
    splits = prepared.splits
    reference = splits.train if isinstance(splits.train, Labelled) else None
    dims = tuple(sorted({*config.evaluate.dims, *config.train.dims}, reverse=True))
    exam = Exam(splits.test, reference, dims, config.evaluate)
    base: Encoder
    if isinstance(fitted, FittedAdapter):
        base = fitted.base.encoder
    else:
        base = load_encoder(config.base, trust_remote_code=config.trust_remote_code)
    return judge_all({BASE: base, TUNED: fitted.encoder}, exam, progress)


def _facts(fitted: Fitted | FittedAdapter, prepared: Prepared, config: TuneConfig) -> dict[str, Any]:
    """What verdict.json says beside the judgement and the seconds."""
    trained, recipe, splits = fitted.trained, fitted.recipe, prepared.splits
    return {
        "interpolation": fitted.share,
        "base_model": config.base,
        "tuned_model": "model",
        "data": config.path,
        "fingerprint": fingerprint_of(splits),
        "steps": trained.steps,
        "best_step": trained.best_step,
        "recipe": {
            "loss": recipe.loss,
            "epochs": recipe.epochs,
            "batch_size": recipe.batch_size,
            "learning_rate": recipe.learning_rate,
            **{role: name for role in ("teacher", "guide") if (name := getattr(config.train, role)) is not None},
        },
        "rows": {name: len(getattr(splits, name)) for name in ("train", "dev", "test")},
    }


def _work_folder(final: Path, hands: Hands) -> Path:
    aside = partial_folder(final)
    if hands.resume:
        if not aside.is_dir():
            raise DataError(f"There is nothing to resume at {final}.", "Start it without --resume.")
        return aside
    try:
        if any((aside / CHECKPOINTS).glob("step-*")):
            hands.progress.note(f"an interrupted run at {final} was left behind and is replaced")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
    except OSError as error:
        raise storage_error(final, error) from error
    return aside


def _interrupted(stopped: Interrupted, aside: Path, final: Path) -> Interrupted:
    """The same with how to go on; what can't be gone on with is removed."""
    if (aside / CONFIG).is_file():
        return Interrupted(stopped.message, f"Go on with: {_resume_command(final)}")
    shutil.rmtree(aside, ignore_errors=True)
    return Interrupted(stopped.message, "Nothing was done that could be saved; run the command again.")


def _resume_command(final: Path) -> str:
    return f"vectune tune --resume {shlex.quote(str(final))}"


def _clear_unless_needed(aside: Path) -> bool:
    """Remove the folder unless there is a checkpoint in it, or what an error refers to; whether there is the former."""
    resumable = any((aside / CHECKPOINTS).glob("step-*"))
    if not resumable and not (aside / ROWS_FILE).is_file():
        shutil.rmtree(aside, ignore_errors=True)
    return resumable


def _data_name(path: str) -> str:
    name = Path(path).name.removesuffix(".gz")
    return name.rsplit(".", 1)[0] if "." in name else name or "run"
