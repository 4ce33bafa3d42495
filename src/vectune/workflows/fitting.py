"""The middle of a tuning run: train, with dev choosing the best weights, then mix tuned and base weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vectune.config import EvaluateConfig, TrainConfig, TuneConfig
from vectune.config.train import LossName
from vectune.data.fingerprint import fingerprint
from vectune.encode.adapted import AdaptedEncoder
from vectune.encode.loading import load_encoder
from vectune.encode.open_adapted import adapter_of
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.weights_key import weights_key
from vectune.errors import DataError
from vectune.evaluate.general import general_ability, guard_set
from vectune.monitor.metric_log import MetricLog, read_metrics, rewind
from vectune.monitor.progress import Named, Progress, Stoppable
from vectune.records import Dataset, Splits
from vectune.train.checkpoints import Checkpoints
from vectune.train.distillation import DISTIL_LOSSES, has_scores, refuse_unfit
from vectune.train.interpolate import Guard, Weights, choose_share, copy_weights
from vectune.train.loop import Surroundings, Trained, Trainer
from vectune.train.methods.choose import choose_method
from vectune.train.methods.method import Start
from vectune.train.no_number import ROWS_FILE
from vectune.train.pool import TextPool
from vectune.train.recipe import Recipe, count_rows, resolve_recipe
from vectune.train.rows import training_rows
from vectune.train.teacher import NO_REFERENCES, References, consult
from vectune.workflows.dev_score import DevLog, DevScorer, dev_scorer

METRICS = "metrics.jsonl"
CHECKPOINTS = "checkpoints"
DISTILLED = "distilled"
REFERENCES = "references"


@dataclass(frozen=True)
class Fitted:
    """How training went, what it did, and the share of the tuned weights in the model (1: tuned weights alone).

    `encoder` is what was tuned, to be judged and saved: the base itself, or what the method made of it.
    """

    trained: Trained
    recipe: Recipe
    share: float
    encoder: SentenceEncoder


class Evaluated(Protocol):
    """Hears of each evaluation on dev, while the model has the weights that were evaluated."""

    def __call__(self, encoder: SentenceEncoder, entry: Mapping[str, Any]) -> None:
        """`entry` has `measure`, `step` (1 or more), `epoch`, `score` and `best`; the weights must stay as they are."""


def not_told(encoder: SentenceEncoder, entry: Mapping[str, Any]) -> None:
    """An Evaluated that does nothing."""


@dataclass(frozen=True)
class Place:
    """Where fitting works, who watches it, who may stop it, and who hears of each evaluation."""

    folder: Path
    progress: Progress
    stop: Callable[[], bool]
    evaluated: Evaluated = not_told


def identity(base: str, splits: Splits, config: TrainConfig, references: References = NO_REFERENCES) -> str:
    """What a checkpoint must have been trained from, on and with, to be gone on with; `base` names its weights."""
    parts = [base, fingerprint(splits.train), fingerprint(splits.dev), config.model_dump_json(), references.key]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def fit(encoder: SentenceEncoder, splits: Splits, config: TuneConfig, place: Place) -> Fitted:
    """Tune `encoder` on train by the config's method; dev decides what is kept and how much of the base is mixed in.

    Goes on from the newest checkpoint under `place.folder`; metrics.jsonl there never holds a step twice. Raises
    DataError without two rows to train on, Interrupted when asked to stop (a checkpoint is there then).
    """
    num_rows = count_rows(splits.train)
    if num_rows < 2:
        raise DataError(f"Only {num_rows} row is left to train on.", "Give more rows, or a larger train share.")
    recipe = resolve_recipe(config.train, splits.kind, num_rows)
    refuse_unfit(recipe.loss, config.train, splits.train)
    rows = training_rows(splits.train, config.train, recipe)
    method = choose_method(config.train)
    watched = Stoppable(place.progress, place.stop)
    _tell_scores(recipe.loss, config.train, splits.train, watched)
    references = _references(rows.pool, config, place.folder / CHECKPOINTS / REFERENCES, watched)
    kept = place.folder / CHECKPOINTS / DISTILLED
    base = weights_key(encoder.model)
    encoder = method.begin(encoder, Start([text for _, text in rows.pool], kept, watched))
    before = copy_weights(encoder.model)
    scorer = dev_scorer(splits, config.evaluate, config.train)
    checkpoints = Checkpoints(place.folder / CHECKPOINTS, identity(base, splits, config.train, references))
    rewind(place.folder / METRICS, checkpoints.latest_step())
    with MetricLog(place.folder / METRICS) as log:
        sink = DevLog(log, scorer, lambda entry: place.evaluated(encoder, entry))
        stage = _Stage(encoder, scorer, sink, place)
        around = Surroundings(
            stage.score(), sink, checkpoints, stage.watched, place.stop, references, _rows_file(place)
        )
        trainer = Trainer(encoder, rows, config.train, recipe, around)
        known = stage.baseline()
        stage.stoppable.stage("train", trainer.total_steps)
        stage.stoppable.advance(0, **known)
        trained = trainer.run()
        shares = method.shares(config.train.interpolation)
        guard = _general_guard(encoder, config.evaluate) if config.evaluate.general else None
        share = stage.interpolate(lambda tuned: method.unlearnt(before, tuned), shares, guard)
    method.finish(encoder, place.folder)
    return Fitted(trained, recipe, share, encoder)


def _rows_file(place: Place) -> Path:
    """Where the rows of a batch without a number are put; what an earlier try of the run left there goes."""
    file = place.folder / ROWS_FILE
    file.unlink(missing_ok=True)
    return file


def _references(pool: TextPool, config: TuneConfig, folder: Path, progress: Progress) -> References:
    """What teacher and guide say about the training texts; the code of a model runs where it is the base's, allowed."""

    def load(name: str) -> SentenceEncoder | AdaptedEncoder:
        local = load_encoder(name, trust_remote_code=config.trust_remote_code and name == config.base)
        adapter = adapter_of(name)
        return local if adapter is None else AdaptedEncoder(local, adapter, name)

    return consult(pool, config.train, config.base, folder, progress, load)


def _tell_scores(loss: LossName, config: TrainConfig, data: Dataset, progress: Progress) -> None:
    """Say that scores lie unused in the data, and what would use them."""
    if not has_scores(data) or (loss in DISTIL_LOSSES and config.teacher is None):
        return
    why = "the teacher's are learnt instead" if config.teacher else "--loss listwise_kl or margin_mse learns them"
    progress.note(f"the rows bring scores, which are not used: {why}")


def _general_guard(encoder: SentenceEncoder, config: EvaluateConfig) -> Guard:
    """General ability on everyday texts that the verdict does not use, with the drop that the verdict allows."""

    def measure() -> float:
        return general_ability(encoder, config, everyday=guard_set()).score

    return Guard(measure, config.verdict.max_general_drop)


class _Stage:
    """What training and mixing share: the model, its score on dev, the log and the bar."""

    def __init__(self, encoder: SentenceEncoder, scorer: DevScorer | None, sink: DevLog, place: Place) -> None:
        self._encoder = encoder
        self._scorer = scorer
        self._sink = sink
        names = {"dev": f"dev {scorer.measure}"} if scorer else {}
        self.watched = Named(place.progress, values=names)
        self.stoppable = Stoppable(self.watched, place.stop)

    def score(self) -> Callable[[], float] | None:
        """The model's present score on dev; None where dev is too small to ask."""
        return None if self._scorer is None else lambda: self._sink.score(self._encoder)

    def baseline(self) -> dict[str, float]:
        """Log the base model's score on dev, unless an interrupted run has logged it; `dev` is the newest score."""
        if self._scorer is None:
            return {}
        known = [entry for entry in read_metrics(self._sink.log.path) if entry.get("event") == "dev"]
        if known:
            return {"dev": float(known[-1]["score"])}
        self.stoppable.stage("baseline on dev")
        score = self._sink.score(self._encoder)
        self._sink.write("dev", step=0, epoch=0.0, score=score, best=False)
        return {"dev": score}

    def interpolate(
        self, unlearnt: Callable[[Weights], Weights], shares: tuple[float, ...], guard: Guard | None
    ) -> float:
        """Mix tuned weights and those with nothing learnt as dev likes it best; 1 where there is no dev to ask.

        Of the shares that keep what the guard looks after, where any does.
        """
        scorer, model = self._scorer, self._encoder.model
        if scorer is None or tuple(shares) == (1.0,):
            return 1.0
        self.stoppable.stage("interpolate", len(shares))

        def scored() -> float:
            value = scorer(self._encoder)
            self.stoppable.advance(1, dev=value)
            return value

        tuned = copy_weights(model)
        share, tried = choose_share(model, unlearnt(tuned), tuned, shares, scored, guard)
        for each, found in tried.items():
            self._sink.write("interpolation", share=each, score=found.score, general=found.kept)
        return share
