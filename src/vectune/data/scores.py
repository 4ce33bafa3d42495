"""On which scale the scores of scored pairs stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from vectune.errors import DataError

RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 5.0), (0.0, 100.0))
OUTLIER_SHARE = 0.05
_CLASSES = {0.0, 1.0, 2.0}
"""The numbers of NLI's classes (entailment is 0 there): on 0-5 they would teach the reverse."""


def as_score(value: Any) -> float | None:
    """The finite number that `value` is or spells, or None."""
    try:
        score = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return score if math.isfinite(score) else None


def find_range(scores: Sequence[float], where: str) -> tuple[float, float]:
    """The first of 0-1, -1-1, 0-5 and 0-100 that holds the scores, one in twenty aside (those are wrong scores).

    DataError when none fits, when 0-100 would fit only because the true scale (such as 1-10) is not known here, or when
    the scores are 0, 1 and 2, which are rather the numbers of classes.
    """
    allowed = max(1 if len(scores) >= 10 else 0, int(OUTLIER_SHARE * len(scores)))
    fits = [(low, high) for low, high in RANGES if sum(not low <= score <= high for score in scores) <= allowed]
    if fits and fits[0] == (0.0, 1.0) and any(-1 < score < 0 for score in scores):
        # Cosine similarities have few negative values, which are none the less right; a lone -1 means "no score".
        fits = fits[1:]
    if not fits or (fits[0] == (0.0, 100.0) and max(scores) <= 20) or (max(scores) == 2 and set(scores) <= _CLASSES):
        found = f"{min(scores):g} to {max(scores):g}"
        raise DataError(
            f"the scores of {where} run from {found}, which is none of the scales 0-1, -1-1, 0-5 and 0-100",
            hint="set score_range = [LOWEST, HIGHEST] under [data] in the config, or name the columns of plain pairs "
            "with --columns anchor=..,positive=..",
        )
    return fits[0]
