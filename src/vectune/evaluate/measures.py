"""The measures by name: which exist for which kind of data, and which one decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from vectune.config import EvaluateConfig
from vectune.errors import ConfigError
from vectune.evaluate.metrics.average_precision import average_precision
from vectune.evaluate.metrics.graded import Graded
from vectune.evaluate.metrics.hit import hit
from vectune.evaluate.metrics.mrr import mrr
from vectune.evaluate.metrics.ndcg import ndcg
from vectune.evaluate.metrics.recall import recall
from vectune.records import Dataset, Kind

_CUTS = (1, 5, 10, 100)
RANKING: Mapping[str, tuple[Callable[[Graded, int], NDArray[np.float64]], int]] = {
    **{f"recall@{k}": (recall, k) for k in _CUTS},
    **{f"hit@{k}": (hit, k) for k in _CUTS},
    "mrr@10": (mrr, 10),
    "ndcg@10": (ndcg, 10),
    "map@100": (average_precision, 100),
}
"""Measures of a ranking: name to function and cut."""
CORRELATIONS = ("spearman", "pearson")
"""Measures that exist for all pairs together and not for one."""
MEASURES: Mapping[Kind, tuple[str, ...]] = {
    Kind.PAIRS: tuple(RANKING),
    Kind.TRIPLETS: ("triplet_accuracy", *RANKING),
    Kind.SCORED: CORRELATIONS,
    Kind.LABELLED: ("knn_accuracy", "probe_accuracy", *RANKING),
}
"""Measures of each kind of data."""
_DECISIVE = {
    Kind.PAIRS: "ndcg@10",
    Kind.TRIPLETS: "triplet_accuracy",
    Kind.SCORED: "spearman",
    Kind.LABELLED: "knn_accuracy",
}


def decisive_measure(data: Dataset, config: EvaluateConfig) -> str:
    """The measure that the verdict looks at; ConfigError if the one named in `config` does not exist for `data`."""
    if config.measure == "auto":
        return _DECISIVE[data.kind]
    known = MEASURES[data.kind]
    if config.measure not in known:
        raise ConfigError(
            f"measure {config.measure!r} does not exist for {data.kind.value} data",
            hint=f"take auto or one of {', '.join(known)}",
        )
    return config.measure


def ranking_measures(graded: Graded) -> dict[str, NDArray[np.float64]]:
    """Every ranking measure for every query: name to float64 [n]; NaN where a query has no relevant document."""
    return {name: measure(graded, cut) for name, (measure, cut) in RANKING.items()}


def mean_of_units(values: NDArray[np.float64]) -> float:
    """The mean over the units for which the measure exists (not NaN); 0 when there is none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0
