"""`vectune tune`: read, check, split, baselines, train, interpolate, judge, save."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from vectune.config import TuneConfig
from vectune.encode.allocator import keep_large_blocks
from vectune.encode.license import license_of
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import DataError, Interrupted, ModelError
from vectune.monitor.metric_log import MetricLog
from vectune.monitor.progress import Progress, Silent
from vectune.records import Labelled, Splits
from vectune.store.atomic import PARTIAL, keep, no_room, refuse_occupied, storage_error
from vectune.store.run_folder import default_run_folder
from vectune.train.checkpoints import Checkpoints
from vectune.train.interpolate import Weights, choose_share, copy_weights
from vectune.train.loop import Surroundings, Trained, Trainer
from vectune.train.recipe import Recipe, resolve_recipe
from vectune.train.rows import training_rows
from vectune.workflows.dev_score import dev_scorer
from vectune.workflows.judging import BASE, TUNED, Exam, Judgement, judge_all
from vectune.workflows.prepare import Prepared, TokenLimit, prepare
from vectune.workflows.run_files import (
    fingerprint_of,
    write_config,
    write_data_files,
    write_judgement,
    write_model,
    write_pages,
)
from vectune.workflows.stopwatch import Stopwatch

RUNS = Path("runs")
_CHECKPOINTS = "checkpoints"


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
    """Who watches the work and who may stop it."""

    progress: Progress = field(default_factory=Silent)
    stop: Callable[[], bool] = lambda: False
    resume: bool = False


def tune(config: TuneConfig, hands: Hands | None = None) -> Run:
    """Do the whole job for `config` and leave a run folder.

    With `hands.resume`, goes on from the checkpoint of an interrupted run in the same place. Raises Interrupted when
    `hands.stop` asked for it (all is saved then), and other VectuneErrors that say what to do.
    """
    hands = hands or Hands()
    final = config.out or default_run_folder(RUNS, config.name or _data_name(config.path), datetime.now())
    refuse_occupied(final)
    aside = _work_folder(final, hands.resume)
    try:
        run = _tune_into(aside, config, hands)
        shutil.rmtree(aside / _CHECKPOINTS, ignore_errors=True)
        keep(aside, final)
    except Interrupted as stopped:
        raise Interrupted(stopped.message, f"Go on with: vectune tune --resume {final}") from stopped
    except Exception as error:
        _clear_unless_checkpoint(aside)
        refusal = no_room(error)
        if refusal is not None:
            raise storage_error(final, refusal) from error
        raise
    return Run(final, run.verdict, run.exit_status, run.notes)


def partial_folder(final: Path) -> Path:
    """Where a run works before it is done."""
    return final.with_name(f".{final.name}{PARTIAL}")


def _tune_into(folder: Path, config: TuneConfig, hands: Hands) -> Run:
    watch = Stopwatch()
    progress = hands.progress
    if config.train.keep_large_blocks:
        keep_large_blocks()
    if config.train.threads:
        torch.set_num_threads(config.train.threads)
    with watch.stage("load"):
        progress.stage("load model")
        encoder = load_encoder(config.base)
        if not encoder.trainable:
            raise ModelError(f"{config.base} has no transformer to tune.", "Choose a transformer model as --base.")
    with watch.stage("read and split"):
        limit = min(config.train.max_tokens or encoder.max_tokens, encoder.max_tokens)
        prepared = prepare(config, TokenLimit(encoder.count_tokens, limit), progress)
        write_config(folder, config)
        write_data_files(folder, prepared)
    for note in (*prepared.checked.report.said, *prepared.split.notes):
        progress.note(note)
    work = _Work(folder, config, encoder, prepared, hands, watch)
    base = copy_weights(encoder.model)
    trained, recipe = work.train()
    share = work.interpolate(base)
    with watch.stage("save"):
        progress.stage("save")
        write_model(folder, encoder, config.train.dims)
    judgement = work.judge()
    with watch.stage("report"):
        verdict = write_judgement(folder, judgement, work.facts(trained, recipe, share))
        write_pages(folder, license_of(config.base))
    notes = (*prepared.checked.report.said, *prepared.split.notes)
    return Run(folder, verdict, judgement.verdict.exit_status, notes)


@dataclass(frozen=True)
class _Work:
    """The collaborators of one run, and its stages from training to judging."""

    folder: Path
    config: TuneConfig
    encoder: SentenceEncoder
    prepared: Prepared
    hands: Hands
    watch: Stopwatch

    @property
    def splits(self) -> Splits:
        return self.prepared.splits

    def train(self) -> tuple[Trained, Recipe]:
        """Train on the train split; dev chooses the best weights."""
        config, encoder, progress = self.config, self.encoder, self.hands.progress
        num_rows = len(self.splits.train)
        if num_rows < 2:
            raise DataError(f"Only {num_rows} row is left to train on.", "Give more rows, or a larger train share.")
        recipe = resolve_recipe(config.train, self.splits.kind, num_rows)
        rows = training_rows(self.splits.train, config.train, recipe)
        score = self._scorer()
        log_path = self.folder / "metrics.jsonl"
        resumed = self.hands.resume and log_path.exists()
        with MetricLog(log_path) as log, self.watch.stage("train"):
            if score is not None and not resumed:
                progress.stage("baseline on dev")
                log.write("dev", step=0, epoch=0.0, score=score(), best=False)
            around = Surroundings(
                score_dev=score,
                sink=log,
                checkpoints=Checkpoints(self.folder / _CHECKPOINTS),
                progress=progress,
                stop=self.hands.stop,
            )
            trainer = Trainer(encoder, rows, config.train, recipe, around)
            progress.stage("train", trainer.total_steps)
            trained = trainer.run()
        return trained, recipe

    def interpolate(self, base: Weights) -> float:
        """Mix tuned and base weights as dev likes it best; 1 where there is no dev to ask."""
        score = self._scorer()
        shares = self.config.train.interpolation
        if score is None or len(shares) < 2:
            return 1.0
        progress = self.hands.progress
        progress.stage("interpolate", len(shares))
        with MetricLog(self.folder / "metrics.jsonl") as log, self.watch.stage("interpolate"):

            def scored() -> float:
                value = score()
                progress.advance(1, dev=value)
                return value

            model = self.encoder.model
            share, scores = choose_share(model, base, copy_weights(model), shares, scored)
            for tried, value in scores.items():
                log.write("interpolation", share=tried, score=value)
        return share

    def judge(self) -> Judgement:
        """Base, tuned and BM25 on test, once."""
        evaluate, splits = self.config.evaluate, self.splits
        reference = splits.train if isinstance(splits.train, Labelled) else None
        dims = tuple(sorted({*evaluate.dims, *self.config.train.dims}, reverse=True))
        with self.watch.stage("judge"):
            base = load_encoder(self.config.base)
            exam = Exam(splits.test, reference, dims, evaluate)
            return judge_all({BASE: base, TUNED: self.encoder}, exam, self.hands.progress)

    def facts(self, trained: Trained, recipe: Recipe, share: float) -> dict[str, Any]:
        """What verdict.json says beside the judgement."""
        return {
            "interpolation": share,
            "base_model": self.config.base,
            "tuned_model": "model",
            "data": self.config.path,
            "fingerprint": fingerprint_of(self.splits),
            "steps": trained.steps,
            "best_step": trained.best_step,
            "recipe": {
                "loss": recipe.loss,
                "epochs": recipe.epochs,
                "batch_size": recipe.batch_size,
                "learning_rate": recipe.learning_rate,
            },
            "rows": {name: len(getattr(self.splits, name)) for name in ("train", "dev", "test")},
            "seconds": self.watch.seconds,
        }

    def _scorer(self) -> Callable[[], float] | None:
        score = dev_scorer(self.splits, self.config.evaluate, self.config.train)
        return None if score is None else lambda: score(self.encoder)


def _work_folder(final: Path, resume: bool) -> Path:
    aside = partial_folder(final)
    if resume:
        if not aside.is_dir():
            raise DataError(f"There is nothing to resume at {final}.", "Start it without --resume.")
        return aside
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
    except OSError as error:
        raise storage_error(final, error) from error
    return aside


def _clear_unless_checkpoint(aside: Path) -> None:
    if not any((aside / _CHECKPOINTS).glob("step-*")):
        shutil.rmtree(aside, ignore_errors=True)


def _data_name(path: str) -> str:
    name = Path(path).name.removesuffix(".gz")
    return name.rsplit(".", 1)[0] if "." in name else name or "run"
