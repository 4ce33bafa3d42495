"""The training loop: one for every loss, every shape of data and every device."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from vectune.config.train import TrainConfig
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import Interrupted, ModelError, TrainingError
from vectune.monitor.progress import Progress, Silent
from vectune.train.batch import Batch
from vectune.train.checkpoints import Checkpoints, TrainingState
from vectune.train.interpolate import copy_weights, load_weights
from vectune.train.no_number import BadBatch, no_number
from vectune.train.objective import build_objective
from vectune.train.optimiser import build_optimiser, copy_moments, learning_rate, load_moments, make_tables_sparse
from vectune.train.recipe import Recipe
from vectune.train.row_names import with_texts
from vectune.train.rows import TrainingRows
from vectune.train.step import Step
from vectune.train.teacher import NO_REFERENCES, References


class Sink(Protocol):
    """Where measurements go, one event at a time."""

    def write(self, event: str, **values: object) -> None:
        """Keep one event."""


@dataclass(frozen=True)
class Surroundings:
    """What training is connected to: how dev is scored, where numbers and checkpoints go, and who may stop it.

    `references` is what teacher and guide say about the texts of the rows. `rows_file` takes the rows of a batch whose
    loss is no number, where they are too many for a sentence.
    """

    score_dev: Callable[[], float] | None = None
    sink: Sink | None = None
    checkpoints: Checkpoints | None = None
    progress: Progress = field(default_factory=Silent)
    stop: Callable[[], bool] = lambda: False
    references: References = NO_REFERENCES
    rows_file: Path | None = None


@dataclass(frozen=True)
class Trained:
    """How training went; the best weights are in the model. `best_score` is None when there was no dev to score."""

    steps: int
    total_steps: int
    best_step: int
    best_score: float | None
    last_loss: float
    stopped_early: bool


@dataclass
class Standing:
    """How far training has come: steps done, the best score on dev and its step, how often none was better since, and
    the last loss."""

    step: int = 0
    best_step: int = 0
    best_score: float | None = None
    misses: int = 0
    loss: float = math.nan


@dataclass
class _Standing(Standing):
    seconds: float = 0.0
    halvings: int = 0
    everything_checkpointed: bool = False


class Trainer:
    """Owns the model's weights and the optimiser while training lasts."""

    def __init__(
        self, encoder: SentenceEncoder, rows: TrainingRows, config: TrainConfig, recipe: Recipe, around: Surroundings
    ) -> None:
        self._encoder = encoder
        self._rows = rows
        self._config = config
        self._recipe = recipe
        self._around = around
        self._objective = build_objective(recipe.loss, config, around.references)
        self._tokens = rows.pool.tokenize(encoder, config.max_tokens)
        make_tables_sparse(encoder.model)
        self._step = Step(encoder, self._tokens, self._objective, config, around.progress.note)
        self._optimiser = build_optimiser(encoder.model, config)
        self._first_epoch = rows.batches(0)
        if not self._first_epoch:
            raise TrainingError("No batch can be made of the training rows.", "Give at least two rows that differ.")
        self.total_steps = max(round(recipe.epochs * len(self._first_epoch)), 1)
        self._eval_every = max(len(self._first_epoch) // config.evals_per_epoch, 1)
        self._best: dict[str, Tensor] = {}
        self._at = _Standing()

    def run(self) -> Trained:
        """Train to the end, to the early stop or until asked to stop; the best weights are in the model afterwards.

        Dropout is off: at these sizes early stop and interpolation guard better, and attention has a fast path without
        it. Raises Interrupted after saving when `stop` says so, TrainingError when the loss or the gradient is no
        number, or one text alone does not fit in memory.
        """
        self._encoder.model.eval()
        self._resume()
        for epoch, batch in self._remaining():
            if self._finished:
                break
            started = time.perf_counter()
            self._at.loss = self._do(batch)
            seconds = time.perf_counter() - started
            self._at.step += 1
            self._at.seconds += seconds
            self._tell(epoch, batch, seconds)
            self._judge_when_due(epoch)
            self._save_when_due()
        if self._best:
            load_weights(self._encoder.model, self._best)
        at = self._at
        return Trained(at.step, self.total_steps, at.best_step, at.best_score, at.loss, at.step < self.total_steps)

    @property
    def _finished(self) -> bool:
        return self._at.step >= self.total_steps or self._at.misses >= self._config.patience

    def _remaining(self) -> Iterator[tuple[float, Batch]]:
        """(epochs done after it, batch) from the current step on."""
        position = 0
        for epoch in itertools.count():  # total_steps ends it: an epoch may have a batch less than the first
            batches = self._first_epoch if epoch == 0 else self._rows.batches(epoch)
            for number in range(len(batches)):
                position += 1
                if position > self._at.step:
                    yield epoch + (number + 1) / len(batches), batches[number]

    def _do(self, batch: Batch) -> float:
        rate = learning_rate(self._at.step, self.total_steps, self._recipe.learning_rate, self._config.warmup)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        result = self._step.run(batch)
        self._refuse(batch, "loss", result.loss)
        self._refuse(batch, "gradient's norm", result.gradient_norm)
        self._update()
        self._at.halvings = self._step.room.halvings
        self._at.everything_checkpointed = self._step.room.everything_checkpointed
        return result.loss

    def _update(self) -> None:
        """The optimiser's step; its first one takes memory for two numbers a weight."""
        try:
            self._optimiser.step()
        except torch.OutOfMemoryError as error:
            raise TrainingError(
                f"The memory of {self._encoder.device} is too small for what the optimiser keeps of each weight.",
                "Use --method lora, or a smaller base.",
            ) from error

    def _refuse(self, batch: Batch, what: str, value: float) -> None:
        """TrainingError with the batch's rows when `value` is no number; the weights have not moved then."""
        if math.isfinite(value):
            return
        culprits = set(self._rows.names(with_texts(batch, self._step.texts_without_number(batch))))
        names = sorted(dict.fromkeys(self._rows.names(batch)), key=lambda name: name not in culprits)
        found = f"The {what} became {value} at step {self._at.step + 1}"
        raise no_number(found, BadBatch(names, len(culprits)), self._around.rows_file)

    def _tell(self, epoch: float, batch: Batch, seconds: float) -> None:
        speed = batch.num_rows / max(seconds, 1e-9)
        self._around.progress.advance(1, loss=self._at.loss, rows_per_second=speed)
        if self._around.sink:
            self._around.sink.write(
                "train",
                step=self._at.step,
                epoch=round(epoch, 4),
                loss=self._at.loss,
                learning_rate=self._optimiser.param_groups[0]["lr"],
                rows_per_second=round(speed, 2),
                tokens=int(self._tokens.lengths[batch.texts].sum()),
                seconds=round(self._at.seconds, 3),
            )

    def _judge_when_due(self, epoch: float) -> None:
        """Score dev each fraction of an epoch and at the end; keep the weights when they are the best so far."""
        due = self._at.step % self._eval_every == 0 or self._at.step >= self.total_steps
        if self._around.score_dev is None or not due:
            return
        score = self._score(self._around.score_dev)
        better = self._at.best_score is None or score > self._at.best_score
        if better:
            self._at.best_score, self._at.best_step, self._at.misses = score, self._at.step, 0
            self._best = {}  # the old copy goes before the new one is made
            self._best = copy_weights(self._encoder.model)
        else:
            self._at.misses += 1
        self._around.progress.advance(0, dev=score)
        if self._around.sink:
            self._around.sink.write("dev", step=self._at.step, epoch=round(epoch, 4), score=score, best=better)

    def _score(self, score_dev: Callable[[], float]) -> float:
        """The score on dev; TrainingError when training has driven the weights to where vectors are no numbers."""
        try:
            return score_dev()
        except ModelError as error:
            raise TrainingError(
                f"After step {self._at.step} {error.message[:1].lower()}{error.message[1:]}.", "Lower --learning-rate."
            ) from error

    def _save_when_due(self) -> None:
        stopping = self._around.stop()
        due = self._at.step % self._config.checkpoint_steps == 0 or self._finished
        if self._around.checkpoints and (stopping or due):
            self._around.checkpoints.save(self._state())
        if stopping:
            raise Interrupted(f"Stopped at step {self._at.step} of {self.total_steps}.", "")

    def _state(self) -> TrainingState:
        at = self._at
        counters = {
            "step": at.step, "best_step": at.best_step, "best_score": at.best_score,
            "misses": at.misses, "seconds": at.seconds, "loss": at.loss, "total_steps": self.total_steps,
            "halvings": at.halvings, "everything_checkpointed": at.everything_checkpointed,
        }  # fmt: skip
        return TrainingState(counters, copy_weights(self._encoder.model), copy_moments(self._optimiser), self._best)

    def _resume(self) -> None:
        checkpoints = self._around.checkpoints
        state = checkpoints.go_on(self._around.progress.note) if checkpoints else None
        if state is None:
            return
        counters = dict(state.counters)
        counters.pop("total_steps")
        load_weights(self._encoder.model, state.weights)
        load_moments(self._optimiser, state.moments)
        self._best = dict(state.best)
        self._at = _Standing(**counters)
        self._step.resume(self._at.halvings, self._at.everything_checkpointed)
        self._around.progress.advance(self._at.step)
