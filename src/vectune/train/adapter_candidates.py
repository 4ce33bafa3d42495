"""The documents that a step of training an adapter ranks for its queries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vectune.config.train import TrainConfig
from vectune.encode.encoder import Vectors
from vectune.train.adapter_rows import AdapterRows, Positions, mined_negatives


class Candidates:
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
