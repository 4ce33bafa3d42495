"""Training a query adapter: a residual low-rank map on query vectors, over document vectors that stay as they are.

q' = normalise(q + U V q), with U = 0 at the start, so that training begins at the base model. Residual adapters:
Houlsby et al., Parameter-efficient transfer learning (2019, arXiv 1902.00751); low rank with one factor at zero: Hu et
al., LoRA (2021, arXiv 2106.09685). Nothing of the model is needed but its vectors.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vectune.config.train import TrainConfig
from vectune.encode.adapted import QueryAdapter
from vectune.encode.encoder import Vectors
from vectune.errors import ConfigError, Interrupted, TrainingError
from vectune.monitor.progress import Progress, Silent
from vectune.train.adapter_candidates import Candidates
from vectune.train.adapter_rows import AdapterRows, Positions
from vectune.train.checkpoints import Checkpoints, TrainingState
from vectune.train.interpolate import copy_weights, load_weights
from vectune.train.loop import Sink, Standing, Trained
from vectune.train.losses.corpus_info_nce import corpus_info_nce
from vectune.train.optimiser import build_optimiser, copy_moments, learning_rate, load_moments
from vectune.train.recipe import Recipe
from vectune.train.row_names import listed

EVALUATIONS = 40
"""Times that dev is scored over a whole training: it costs little beside a model's forward passes."""
_PATIENCE = 3
"""How many times `patience` is stretched: there are that many more evaluations than in training a model."""
CHECKPOINT_SECONDS = 2.0
"""Least time between two checkpoints: flushing one to the disk takes as long as many steps."""

# Up to this many rows: epochs and batch size. Steps cost next to nothing, so few rows get many passes; early stop ends
# what has converged. The batch is no source of negatives here, so few rows can do with small ones and get more steps.
_BY_ROWS = ((300, 150.0, 64), (1_000, 60.0, 64), (10_000, 40.0, 256), (100_000, 15.0, 256), (math.inf, 5.0, 256))
_LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class AdapterSurroundings:
    """What training is connected to: how dev scores an adapter, where numbers and checkpoints go, who watches and who
    may stop it. `clock` gives seconds."""

    score_dev: Callable[[QueryAdapter], float] | None = None
    sink: Sink | None = None
    checkpoints: Checkpoints | None = None
    progress: Progress = field(default_factory=Silent)
    stop: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic


def adapter_recipe(config: TrainConfig, num_rows: int) -> Recipe:
    """The config's values where given, else the defaults for `num_rows` training rows of an adapter."""
    if config.loss not in ("auto", "info_nce"):
        raise ConfigError(f"An adapter is trained with info_nce, not {config.loss}.", "Leave the loss out.")
    epochs, batch_size = next((epochs, size) for most, epochs, size in _BY_ROWS if num_rows <= most)
    return Recipe(
        loss="info_nce",
        epochs=config.epochs or epochs,
        batch_size=min(config.batch_size or batch_size, num_rows),
        learning_rate=(config.learning_rate or _LEARNING_RATE) * config.learning_rate_multiplier,
    )


class _Map(nn.Module):
    """U and V as weights."""

    def __init__(self, dim: int, rank: int, seed: int) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.down = nn.Parameter(torch.randn(rank, dim, generator=draw) / math.sqrt(dim))
        self.up = nn.Parameter(torch.zeros(dim, rank))

    def forward(self, queries: Tensor) -> Tensor:
        return F.normalize(queries + (queries @ self.down.T) @ self.up.T, dim=1)

    def adapter(self) -> QueryAdapter:
        return QueryAdapter(self.up.detach().numpy().copy(), self.down.detach().numpy().copy())


class AdapterTrainer:
    """Owns the map and the optimiser while training lasts. The same rows, vectors and seed give the same map."""

    def __init__(
        self, rows: AdapterRows, queries: Vectors, documents: Vectors, config: TrainConfig, around: AdapterSurroundings
    ) -> None:
        """`queries` [Q, D] and `documents` [N, D] are the base's vectors of the rows' texts, of L2 norm 1."""
        self._rows = rows
        self._config = config
        self._around = around
        self.recipe = adapter_recipe(config, len(rows.edges))
        dim = queries.shape[1]
        self._queries = torch.from_numpy(np.ascontiguousarray(queries))
        whole = torch.from_numpy(np.ascontiguousarray(documents))
        self._documents = {size: F.normalize(whole[:, :size], dim=1) for size in config.dims or (dim,)}
        self._candidates = Candidates(rows, queries, documents, config)
        self._map = _Map(dim, min(config.adapter_rank, dim), config.seed)
        self._optimiser = build_optimiser(self._map, config)
        self._steps_an_epoch = math.ceil(len(rows.edges) / self.recipe.batch_size)
        self.total_steps = max(round(self.recipe.epochs * self._steps_an_epoch), 1)
        self._best = self._map.adapter()
        self._at = Standing()
        self._saved = 0.0

    def run(self) -> tuple[QueryAdapter, Trained]:
        """Train to the end or until dev has not risen for long; the map that dev liked best, and how it went.

        Without dev it is the last one. Goes on from the newest checkpoint, to the same end to the bit. Raises
        Interrupted after saving when `stop` says so, TrainingError when the loss is no number.
        """
        self._resume()
        self._saved = self._around.clock()
        for batch in self._remaining():
            if self._finished:
                break
            self._at.loss = self._step(self._at.step + 1, batch)
            self._at.step += 1
            self._judge_when_due()
            self._save_when_due()
        at = self._at
        stopped_early = at.step < self.total_steps
        return self._best, Trained(at.step, self.total_steps, at.best_step, at.best_score, at.loss, stopped_early)

    @property
    def _finished(self) -> bool:
        return self._at.step >= self.total_steps or self._at.misses >= _PATIENCE * self._config.patience

    def _remaining(self) -> Iterator[Positions]:
        """Positions [B] of the edges of one step after the other, from the current one on: each epoch has an order of
        its own, which seed and epoch alone decide."""
        begun, done = divmod(self._at.step, self._steps_an_epoch)
        for epoch in itertools.count(begun):
            order = np.random.default_rng([self._config.seed, epoch]).permutation(len(self._rows.edges))
            for number in range(done if epoch == begun else 0, self._steps_an_epoch):
                start = number * self.recipe.batch_size
                yield order[start : start + self.recipe.batch_size]

    def _step(self, step: int, batch: Positions) -> float:
        rate = learning_rate(step - 1, self.total_steps, self.recipe.learning_rate, self._config.warmup)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        loss = self._loss(self._rows.edges[batch], step)
        value = float(loss.detach())
        self._refuse(step, batch, "loss", value)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self._map.parameters(), self._config.clip)
        self._refuse(step, batch, "gradient's norm", float(norm))
        self._optimiser.step()
        self._around.progress.advance(1, loss=value)
        if self._around.sink:
            epoch = round(step / self._steps_an_epoch, 4)
            self._around.sink.write("train", step=step, epoch=epoch, loss=value, learning_rate=rate)
        return value

    def _refuse(self, step: int, batch: Positions, what: str, value: float) -> None:
        """TrainingError with the batch's rows when `value` is no number; the map has not moved then."""
        if not math.isfinite(value):
            names = [self._rows.names[edge] for edge in batch.tolist()]
            raise TrainingError(
                f"The {what} became {value} at step {step}, in the batch of these rows: {listed(names)}.",
                "Look at these rows, or lower --learning-rate.",
            )

    def _loss(self, edges: Positions, step: int) -> Tensor:
        """InfoNCE over the step's documents, averaged over the Matryoshka sizes."""
        columns, targets, known = self._candidates.of(edges, step)
        mapped = self._map(self._queries[torch.from_numpy(edges[:, 0])])
        losses = []
        for size, documents in self._documents.items():
            ranked = documents if columns is None else documents[columns]
            cut = F.normalize(mapped[:, :size], dim=1)
            losses.append(corpus_info_nce(cut, ranked, targets, known, temperature=self._config.temperature))
        return torch.stack(losses).mean()

    def _judge_when_due(self) -> None:
        """Score dev so many times over a training and at the end; keep the map that is the best so far."""
        at = self._at
        if at.step % max(self.total_steps // EVALUATIONS, 1) and at.step < self.total_steps:
            return
        score = None if self._around.score_dev is None else self._around.score_dev(self._map.adapter())
        better = score is None or score > (-math.inf if at.best_score is None else at.best_score)
        at.misses = 0 if better else at.misses + 1
        if better:
            self._best, at.best_step, at.best_score = self._map.adapter(), at.step, score
        if score is not None:
            self._tell_score(score, best=better)

    def _tell_score(self, score: float, *, best: bool) -> None:
        self._around.progress.advance(0, dev=score)
        if self._around.sink:
            epoch = round(self._at.step / self._steps_an_epoch, 4)
            self._around.sink.write("dev", step=self._at.step, epoch=epoch, score=score, best=best)

    def _save_when_due(self) -> None:
        stopping = self._around.stop()
        if self._around.checkpoints and (stopping or self._finished or self._is_due()):
            self._around.checkpoints.save(self._state())
            self._saved = self._around.clock()
        if stopping:
            raise Interrupted(f"Stopped at step {self._at.step} of {self.total_steps}.", "")

    def _is_due(self) -> bool:
        due = self._at.step % self._config.checkpoint_steps == 0
        return due and self._around.clock() - self._saved >= CHECKPOINT_SECONDS

    def _state(self) -> TrainingState:
        best = {"up": torch.from_numpy(self._best.up), "down": torch.from_numpy(self._best.down)}
        return TrainingState(vars(self._at), copy_weights(self._map), copy_moments(self._optimiser), best)

    def _resume(self) -> None:
        checkpoints = self._around.checkpoints
        state = checkpoints.go_on(self._around.progress.note) if checkpoints else None
        if state is None:
            return
        load_weights(self._map, state.weights)
        load_moments(self._optimiser, state.moments)
        self._best = QueryAdapter(state.best["up"].numpy(), state.best["down"].numpy())
        self._at = Standing(**state.counters)
        self._around.progress.advance(self._at.step)
