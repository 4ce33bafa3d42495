"""What judging one model at one vector size found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vectune.records import Kind


@dataclass(frozen=True)
class Judged:
    """Measures of one model: in total and for each unit (query, pair or text), so that two models can be compared.

    `units` are query ids, or places in the data as strings: what the bootstrap resamples.
    `per_unit` measure to float64 [n]; NaN where the measure does not exist for a unit. Correlations are not here.
    `totals` every measure.
    `scores`, `gold` scored pairs only: the model's similarity and the given score of each pair, float64 [n].
    `ranking` indices of the best documents for each unit, int64 [n, at most 100], best first; None for scored pairs.
    They count through the corpus, the reference texts, or the data itself (labelled texts without a reference).
    `top` text of the best document for each unit; empty for scored pairs.
    `left_out` units without any relevant document: they are in no ranking measure.
    `clusters` number of the cluster of each unit, int64 [n] from 0 without a gap; None where each is one of its own.
    """

    kind: Kind
    units: tuple[str, ...]
    per_unit: Mapping[str, NDArray[np.float64]]
    totals: Mapping[str, float]
    scores: NDArray[np.float64] | None = None
    gold: NDArray[np.float64] | None = None
    ranking: NDArray[np.int64] | None = None
    top: tuple[str, ...] = field(default=())
    left_out: int = 0
    clusters: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        columns = {
            **self.per_unit,
            "scores": self.scores,
            "gold": self.gold,
            "ranking": self.ranking,
            "clusters": self.clusters,
        }
        for name, values in columns.items():
            if values is not None and len(values) != len(self.units):
                raise ValueError(f"{name} has {len(values)} values for {len(self.units)} units")
