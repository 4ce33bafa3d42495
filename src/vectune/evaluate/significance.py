"""Is the difference between two models more than chance? Paired bootstrap and permutation test.

Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 15; for search measures Smucker, Allan
and Carterette, A comparison of statistical significance tests for information retrieval evaluation (CIKM 2007).
Units that ask for the same are drawn and swapped as one cluster (`evaluate.clusters`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from vectune.config import EvaluateConfig
from vectune.errors import ConfigError
from vectune.evaluate.clusters import Clusters
from vectune.evaluate.correlation import ranks
from vectune.evaluate.judged import Judged
from vectune.evaluate.measures import CORRELATIONS
from vectune.evaluate.paired_correlations import PairedCorrelations
from vectune.evaluate.paired_means import PairedMeans
from vectune.evaluate.resampling import bootstrap_counts, coin_flips

POWER = 0.8
"""Chance of finding a true difference that smallest_detectable and queries_to_decide are worked out for."""
_ROUNDING = 1e-12

Paired = PairedMeans | PairedCorrelations


@dataclass(frozen=True)
class Comparison:
    """Tuned against base on one measure.

    `low` and `high` are the ends of the interval of the difference at `confidence`; `p` is two-sided.
    `smallest_detectable` is the true difference that data like this would show with 80 % power. `queries` counts the
    units compared (queries, pairs or texts). `queries_to_decide` is how many units a difference of the observed size
    needs for the same power; None when the difference is decided or nothing can be said. `clusters` is how many
    clusters the units make; None where each is one.
    """

    measure: str
    base: float
    tuned: float
    difference: float
    low: float
    high: float
    p: float
    smallest_detectable: float
    queries: int
    queries_to_decide: int | None
    confidence: float = 0.95
    clusters: int | None = None

    @property
    def trials(self) -> int:
        """How many times chance was asked: the clusters, or the units where each is one."""
        return self.queries if self.clusters is None else self.clusters

    @property
    def decides(self) -> bool:
        """The interval leaves zero out, and so large a difference is rare when the models change places by chance.

        Both are asked for: where few of the units changed, the bootstrap's interval is too narrow, and p says so.
        """
        leaves_zero_out = self.low > 0 or self.high < 0
        return leaves_zero_out and self.p <= 1 - self.confidence + _ROUNDING


def compare(base: Judged, tuned: Judged, measure: str, config: EvaluateConfig) -> Comparison:
    """Compare two models judged on the same units.

    Units for which the measure does not exist (NaN) are left out on both sides. With fewer than 2 clusters nothing is
    known: the interval is everything possible and p is 1. ConfigError if one of them was not judged by `measure`.
    """
    paired = _paired(base, tuned, measure)
    unknown = _unknown(paired, measure, config)
    if len(paired.clusters) < 2:
        return unknown
    resampled = _resampled(paired, config)
    low, high = _percentiles(resampled, config.confidence)
    tail = NormalDist().inv_cdf(0.5 + config.confidence / 2)
    smallest = (tail + NormalDist().inv_cdf(POWER)) * paired.standard_error(resampled)
    p = _p(paired, unknown.difference, config)
    found = replace(unknown, low=low, high=high, p=p, smallest_detectable=smallest)
    if found.decides:
        return found
    return replace(found, queries_to_decide=_to_decide(len(paired), found.difference, smallest))


def _unknown(paired: Paired, measure: str, config: EvaluateConfig) -> Comparison:
    """The scores, with nothing known of what chance does to them."""
    base, tuned = paired.observed()
    return Comparison(
        measure=measure,
        base=base,
        tuned=tuned,
        difference=tuned - base,
        low=-paired.bound,
        high=paired.bound,
        p=1.0,
        smallest_detectable=paired.bound,
        queries=len(paired),
        queries_to_decide=None,
        confidence=config.confidence,
        clusters=None if len(paired.clusters) == len(paired) else len(paired.clusters),
    )


def interval(judged: Judged, measure: str, config: EvaluateConfig) -> tuple[float, float]:
    """Bootstrap interval of one model's own score; everything possible when there are fewer than 2 clusters."""
    nothing = _like(judged, 0.0)
    paired = _paired(nothing, judged, measure)
    if len(paired.clusters) < 2:
        return (-1.0, 1.0) if measure in CORRELATIONS else (0.0, 1.0)
    return _percentiles(_resampled(paired, config), config.confidence)


def _like(judged: Judged, value: float) -> Judged:
    """A model that gives `value` to every unit: its means are `value` and its correlations 0."""
    return Judged(
        kind=judged.kind,
        units=judged.units,
        per_unit={name: np.full(len(judged.units), value) for name in judged.per_unit},
        totals={},
        scores=None if judged.scores is None else np.full(len(judged.units), value),
        gold=judged.gold,
        clusters=judged.clusters,
    )


def _paired(base: Judged, tuned: Judged, measure: str) -> Paired:
    if base.units != tuned.units:
        raise ValueError("the two models were not judged on the same units in the same order")
    if measure in CORRELATIONS:
        return _correlations(base, tuned, measure)
    columns = [judged.per_unit.get(measure) for judged in (base, tuned)]
    first, second = columns
    if first is None or second is None:
        raise _not_measured(measure)
    known = ~(np.isnan(first) | np.isnan(second))
    return PairedMeans(first[known], second[known], _clusters(base, tuned).only(known))


def _correlations(base: Judged, tuned: Judged, measure: str) -> PairedCorrelations:
    if base.scores is None or tuned.scores is None or base.gold is None or tuned.gold is None:
        raise _not_measured(measure)
    if not np.array_equal(base.gold, tuned.gold):
        raise ValueError("the two models were not judged against the same scores")
    columns = (base.scores, tuned.scores, base.gold)
    if measure == "spearman":
        columns = (ranks(base.scores), ranks(tuned.scores), ranks(base.gold))
    return PairedCorrelations(*columns, _clusters(base, tuned))


def _clusters(base: Judged, tuned: Judged) -> Clusters:
    """What either of the two knows of them: runs of before kept none."""
    known = base.clusters if base.clusters is not None else tuned.clusters
    return Clusters.single(len(base.units)) if known is None else Clusters(known)


def _not_measured(measure: str) -> ConfigError:
    return ConfigError(
        f"measure {measure!r} was not measured for both models",
        hint="take a measure that this kind of data has; probe_accuracy needs train texts and a model with vectors",
    )


def _resampled(paired: Paired, config: EvaluateConfig) -> NDArray[np.float64]:
    counts = bootstrap_counts(len(paired.clusters), config.resamples, config.seed)
    return np.concatenate([paired.resampled(part) for part in counts])


def _percentiles(resampled: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low, high = (float(end) for end in np.quantile(resampled, [tail, 1 - tail]))
    return (low if abs(low) > _ROUNDING else 0.0), (high if abs(high) > _ROUNDING else 0.0)


def _p(paired: Paired, difference: float, config: EvaluateConfig) -> float:
    """Share of swaps that make a difference at least this large, the observed one included."""
    flips = coin_flips(len(paired.clusters), config.resamples, config.seed)
    larger = sum(int((np.abs(paired.swapped(part)) >= abs(difference) - _ROUNDING).sum()) for part in flips)
    return (larger + 1) / (config.resamples + 1)


def _to_decide(n: int, difference: float, smallest: float) -> int | None:
    """Units at which `difference` would be the smallest detectable one.

    That shrinks with the root of their number, if the further ones come in clusters like those at hand.
    """
    if abs(difference) <= _ROUNDING:
        return None
    return max(n + 1, ceil(n * (smallest / difference) ** 2))
