"""Values out of a run's files, which may be older, partial or edited: what does not fit is simply absent."""

from __future__ import annotations

import math
from typing import Any

NONE = "–"
"""What stands where there is no value."""

_LABELS = {
    "ndcg": "nDCG",
    "mrr": "MRR",
    "map": "MAP",
    "recall": "Recall",
    "hit": "Hit",
    "spearman": "Spearman",
    "pearson": "Pearson",
    "triplet_accuracy": "Triplet accuracy",
    "knn_accuracy": "kNN accuracy",
    "probe_accuracy": "Probe accuracy",
}
_ORDER = ("ndcg", "map", "mrr", "recall", "hit", "triplet_accuracy", "spearman", "pearson", "knn_accuracy")


def number(value: object) -> float | None:
    """`value` as a finite float, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def mapping(value: object) -> dict[str, Any]:
    """`value` if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """`value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def interval(value: object) -> tuple[float, float] | None:
    """`value` as (low, high), or None."""
    ends = [number(end) for end in sequence(value)]
    if len(ends) != 2 or ends[0] is None or ends[1] is None:
        return None
    return ends[0], ends[1]


def score(value: float | None) -> str:
    """A score with three decimals."""
    return NONE if value is None else f"{value:.3f}".replace("-", "−")


def signed(value: float | None) -> str:
    """A difference with its sign and three decimals."""
    return NONE if value is None else f"{value:+.3f}".replace("-", "−")


def count(value: float | None) -> str:
    """A whole number with thousands apart."""
    return NONE if value is None else f"{value:,.0f}"


def percent(value: float | None) -> str:
    """A share as a percentage: one decimal below 10 %, none above."""
    if value is None:
        return NONE
    return f"{value:.0%}".replace("%", " %") if value >= 0.1 or value == 0 else f"{value:.1%}".replace("%", " %")


def duration(seconds: float | None) -> str:
    """Seconds as people say them: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if seconds is None:
        return NONE
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def label(measure: str) -> str:
    """How people write a measure: `ndcg@10` is nDCG@10."""
    stem, at, cut = measure.partition("@")
    return _LABELS.get(stem, stem.replace("_", " ")) + at + cut


def in_order(measures: set[str], deciding: str) -> list[str]:
    """`measures` as a reader wants them: the deciding one, then by family and by cut."""

    def place(measure: str) -> tuple[bool, int, int, str]:
        stem, _, cut = measure.partition("@")
        family = _ORDER.index(stem) if stem in _ORDER else len(_ORDER)
        return measure != deciding, family, int(cut) if cut.isdecimal() else 0, measure

    return sorted(measures, key=place)
