"""Training a query adapter: a residual low-rank map on query vectors, over document vectors that stay as they are.

q' = normalise(q + U V q), with U = 0 at the start, so that training begins at the base model. Residual adapters:
Houlsby et al., Parameter-efficient transfer learning (2019, arXiv 1902.00751); low rank with one factor at zero: Hu et
al., LoRA (2021, arXiv 2106.09685). Nothing of the model is needed but its vectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vectune.config.train import TrainConfig
from vectune.encode.adapted import QueryAdapter
from vectune.encode.encoder import Vectors
from vectune.errors import ConfigError, TrainingError
from vectune.monitor.progress import Progress, Silent
from vectune.train.adapter_rows import AdapterRows, Positions, mined_negatives
from vectune.train.loop import Sink, Trained
from vectune.train.losses.corpus_info_nce import corpus_info_nce
from vectune.train.optimiser import build_optimiser, learning_rate
from vectune.train.recipe import Recipe
from vectune.train.row_names import listed

EVALUATIONS = 40
"""Times that dev is scored over a whole training: it costs little beside a model's forward passes."""
_PATIENCE = 3
"""How many times `patience` is stretched: there are that many more evaluations than in training a model."""

# Up to this many rows: epochs and batch size. Steps cost next to nothing, so few rows get many passes; early stop ends
# what has converged. The batch is no source of negatives here, so few rows can do with small ones and get more steps.
_BY_ROWS = ((300, 150.0, 64), (1_000, 60.0, 64), (10_000, 40.0, 256), (100_000, 15.0, 256), (math.inf, 5.0, 256))
_LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class AdapterSurroundings:
    """What training is connected to: how dev scores an adapter, where numbers go, who watches."""

    score_dev: Callable[[QueryAdapter], float] | None = None
    sink: Sink | None = None
    progress: Progress = field(default_factory=Silent)


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
        self._candidates = _Candidates(rows, queries, documents, config)
        self._map = _Map(dim, min(config.adapter_rank, dim), config.seed)
        self._optimiser = build_optimiser(self._map, config)
        self._steps_an_epoch = math.ceil(len(rows.edges) / self.recipe.batch_size)
        self.total_steps = max(round(self.recipe.epochs * self._steps_an_epoch), 1)

    def run(self) -> tuple[QueryAdapter, Trained]:
        """Train to the end or until dev has not risen for long; the map that dev liked best, and how it went.

        Without dev it is the last one. Raises TrainingError when the loss is no number.
        """
        best, best_score, best_step, misses, step, loss = self._map.adapter(), -math.inf, 0, 0, 0, math.nan
        every = max(self.total_steps // EVALUATIONS, 1)
        for step, batch in zip(range(1, self.total_steps + 1), self._batches(), strict=False):
            loss = self._step(step, batch)
            if step % every and step < self.total_steps:
                continue
            score = self._score()
            misses = 0 if score is None or score > best_score else misses + 1
            self._tell_score(step, score, best=not misses)
            if not misses:
                best, best_step, best_score = self._map.adapter(), step, best_score if score is None else score
            if misses >= _PATIENCE * self._config.patience:
                break
        found = best_score if math.isfinite(best_score) else None
        return best, Trained(step, self.total_steps, best_step, found, loss, step < self.total_steps)

    def _batches(self) -> Iterator[Positions]:
        """Positions [B] of the edges of one step after the other, in a new order each epoch."""
        epoch = 0
        while True:
            order = np.random.default_rng([self._config.seed, epoch]).permutation(len(self._rows.edges))
            for start in range(0, len(order), self.recipe.batch_size):
                yield order[start : start + self.recipe.batch_size]
            epoch += 1

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

    def _score(self) -> float | None:
        if self._around.score_dev is None:
            return None
        return self._around.score_dev(self._map.adapter())

    def _tell_score(self, step: int, score: float | None, *, best: bool) -> None:
        if score is None:
            return
        self._around.progress.advance(0, dev=score)
        if self._around.sink:
            epoch = round(step / self._steps_an_epoch, 4)
            self._around.sink.write("dev", step=step, epoch=epoch, score=score, best=best)


class _Candidates:
    """Which documents a step ranks: all, or where that is too many, the batch's positives, mined ones and others."""

    def __init__(self, rows: AdapterRows, queries: Vectors, documents: Vectors, config: TrainConfig) -> None:
        self._rows = rows
        self._most = config.adapter_candidates
        self._seed = config.seed
        self._all = len(documents) <= self._most
        self._mined: Sequence[Positions] = () if self._all else mined_negatives(rows, queries, documents)
        self._column = np.arange(len(documents)) if self._all else np.full(len(documents), -1, dtype=np.int64)

    def of(self, edges: Positions, step: int) -> tuple[Tensor | None, Tensor, Tensor]:
        """Documents [C] (None: all), the column of each edge's positive [B], known positives bool [B, C]."""
        chosen = None if self._all else self._choose(edges, step)
        if chosen is not None:
            self._column[chosen] = np.arange(len(chosen))
        count = len(self._column) if chosen is None else len(chosen)
        known = np.zeros((len(edges), count), dtype=bool)
        for row, query in enumerate(edges[:, 0]):
            columns = self._column[self._rows.known[query]]
            known[row, columns[columns >= 0]] = True
        targets = torch.from_numpy(self._column[edges[:, 1]])
        if chosen is None:
            return None, targets, torch.from_numpy(known)
        self._column[chosen] = -1
        return torch.from_numpy(chosen), targets, torch.from_numpy(known)

    def _choose(self, edges: Positions, step: int) -> Positions:
        draw = np.random.default_rng([self._seed, 1, step])
        positives = np.unique(edges[:, 1])
        hard = np.unique(np.concatenate([self._mined[query] for query in edges[:, 0]]))
        room = max(self._most - len(positives), 0)
        hard = draw.permutation(np.setdiff1d(hard, positives))[:room]
        others = draw.choice(len(self._column), size=min(room - len(hard), len(self._column)), replace=False)
        return np.unique(np.concatenate([positives, hard, others]))
