"""Judged values made from plain numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vectune.evaluate.judged import Judged
from vectune.records import Kind


def by_query(
    values: Sequence[float] | np.ndarray, measure: str = "ndcg@10", clusters: np.ndarray | None = None
) -> Judged:
    """A model with one measure of one value a query."""
    column = np.array(values, dtype=float)
    units = tuple(f"q{place}" for place in range(len(column)))
    totals = {measure: float(np.nanmean(column)) if len(column) else 0.0}
    return Judged(Kind.PAIRS, units, {measure: column}, totals, clusters=clusters)


def by_pair(
    scores: Sequence[float] | np.ndarray, gold: Sequence[float] | np.ndarray, clusters: np.ndarray | None = None
) -> Judged:
    """A model that gave each pair a similarity."""
    units = tuple(str(place) for place in range(len(gold)))
    scores, gold = np.array(scores, float), np.array(gold, float)
    return Judged(Kind.SCORED, units, {}, {}, scores=scores, gold=gold, clusters=clusters)
