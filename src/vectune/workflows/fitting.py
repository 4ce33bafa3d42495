"""The middle of a tuning run: train, with dev choosing the best weights, then mix tuned and base weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vectune.config import TrainConfig, TuneConfig
from vectune.data.fingerprint import fingerprint
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import DataError
from vectune.monitor.metric_log import MetricLog, read_metrics, rewind
from vectune.monitor.progress import Named, Progress, Stoppable
from vectune.records import Splits
from vectune.train.checkpoints import Checkpoints
from vectune.train.interpolate import Weights, choose_share, copy_weights
from vectune.train.loop import Surroundings, Trained, Trainer
from vectune.train.recipe import Recipe, count_rows, resolve_recipe
from vectune.train.rows import training_rows
from vectune.workflows.dev_score import DevScorer, dev_scorer

METRICS = "metrics.jsonl"
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Fitted:
    """How training went, what it did, and the share of the tuned weights in the model (1: tuned weights alone)."""

    trained: Trained
    recipe: Recipe
    share: float


@dataclass(frozen=True)
class Place:
    """Where fitting works, who watches it, and who may stop it."""

    folder: Path
    progress: Progress
    stop: Callable[[], bool]


def identity(splits: Splits, config: TrainConfig) -> str:
    """What a checkpoint must have been trained on and with, to be gone on with."""
    parts = [fingerprint(splits.train), fingerprint(splits.dev), config.model_dump_json()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def fit(encoder: SentenceEncoder, splits: Splits, config: TuneConfig, place: Place) -> Fitted:
    """Tune the weights of `encoder` on train; dev decides which of them are kept and how much of the base is mixed in.

    Goes on from the newest checkpoint under `place.folder`; metrics.jsonl there never holds a step twice. Raises
    DataError without two rows to train on, Interrupted when asked to stop (a checkpoint is there then).
    """
    num_rows = count_rows(splits.train)
    if num_rows < 2:
        raise DataError(f"Only {num_rows} row is left to train on.", "Give more rows, or a larger train share.")
    recipe = resolve_recipe(config.train, splits.kind, num_rows)
    base = copy_weights(encoder.model)
    scorer = dev_scorer(splits, config.evaluate, config.train)
    checkpoints = Checkpoints(place.folder / CHECKPOINTS, identity(splits, config.train))
    rewind(place.folder / METRICS, checkpoints.latest_step())
    with MetricLog(place.folder / METRICS) as log:
        sink = _DevNamed(log, scorer.measure if scorer else "")
        stage = _Stage(encoder, scorer, sink, place)
        around = Surroundings(stage.score(), sink, checkpoints, stage.watched, place.stop)
        trainer = Trainer(encoder, training_rows(splits.train, config.train, recipe), config.train, recipe, around)
        before = stage.baseline()
        stage.stoppable.stage("train", trainer.total_steps)
        stage.stoppable.advance(0, **before)
        trained = trainer.run()
        share = stage.interpolate(base, config.train.interpolation)
    return Fitted(trained, recipe, share)


class _DevNamed:
    """A sink that says of every dev score which measure it is."""

    def __init__(self, log: MetricLog, measure: str) -> None:
        self.log = log
        self._measure = measure

    def write(self, event: str, **values: Any) -> None:
        named = {"measure": self._measure} if event in ("dev", "interpolation") else {}
        self.log.write(event, **named, **values)


class _Stage:
    """What training and mixing share: the model, its score on dev, the log and the bar."""

    def __init__(self, encoder: SentenceEncoder, scorer: DevScorer | None, sink: _DevNamed, place: Place) -> None:
        self._encoder = encoder
        self._scorer = scorer
        self._sink = sink
        names = {"dev": f"dev {scorer.measure}"} if scorer else {}
        self.watched = Named(place.progress, values=names)
        self.stoppable = Stoppable(self.watched, place.stop)

    def score(self) -> Callable[[], float] | None:
        """The model's present score on dev; None where dev is too small to ask."""
        scorer = self._scorer
        return None if scorer is None else lambda: scorer(self._encoder)

    def baseline(self) -> dict[str, float]:
        """Log the base model's score on dev, unless an interrupted run has logged it; `dev` is the newest score."""
        if self._scorer is None:
            return {}
        known = [entry for entry in read_metrics(self._sink.log.path) if entry.get("event") == "dev"]
        if known:
            return {"dev": float(known[-1]["score"])}
        self.stoppable.stage("baseline on dev")
        score = self._scorer(self._encoder)
        self._sink.write("dev", step=0, epoch=0.0, score=score, best=False)
        return {"dev": score}

    def interpolate(self, base: Weights, shares: tuple[float, ...]) -> float:
        """Mix tuned and base weights as dev likes it best; 1 where there is no dev to ask."""
        scorer, model = self._scorer, self._encoder.model
        if scorer is None or tuple(shares) == (1.0,):
            return 1.0
        self.stoppable.stage("interpolate", len(shares))

        def scored() -> float:
            value = scorer(self._encoder)
            self.stoppable.advance(1, dev=value)
            return value

        share, scores = choose_share(model, base, copy_weights(model), shares, scored)
        for tried, value in scores.items():
            self._sink.write("interpolation", share=tried, score=value)
        return share
