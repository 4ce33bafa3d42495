"""The queries that gained and lost most, with their texts: what a number can't show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vectune.evaluate.correlation import ranks
from vectune.evaluate.judged import Judged
from vectune.evaluate.measures import CORRELATIONS
from vectune.records import Dataset, Labelled, Retrieval, Scored

_LENGTH = 500


@dataclass(frozen=True)
class QueryExample:
    """One unit under both models.

    `query`, `relevant`, `base_top`, `tuned_top` are texts cut to 500 characters: the query, the best relevant document
    and the document each model put first. Labelled texts: the text, its label and the nearest texts. Scored pairs:
    the first text, the second with its given score, and each model's similarity. `base` and `tuned` are the measure's
    values, higher is better; for scored pairs 1 - |rank of the similarity - rank of the given score|, ranks 0 to 1.
    """

    unit: str
    query: str
    base: float
    tuned: float
    relevant: str
    base_top: str
    tuned_top: str


def wins_and_losses(
    base: Judged, tuned: Judged, data: Dataset, measure: str, count: int
) -> dict[str, tuple[QueryExample, ...]]:
    """Up to `count` units that gained most ("wins") and that lost most ("losses"), largest change first.

    Units that did not change are in neither. `data` is what both models were judged on.
    """
    if base.units != tuned.units:
        raise ValueError("the two models were not judged on the same units in the same order")
    before, after = _values(base, measure), _values(tuned, measure)
    change = np.nan_to_num(after - before)
    describe = _describer(base, tuned, data)

    def example(place: int) -> QueryExample:
        query, relevant, base_top, tuned_top = (text[:_LENGTH] for text in describe(place))
        unit = base.units[place]
        return QueryExample(unit, query, float(before[place]), float(after[place]), relevant, base_top, tuned_top)

    best = [int(place) for place in np.argsort(-change, kind="stable")[:count] if change[place] > 0]
    worst = [int(place) for place in np.argsort(change, kind="stable")[:count] if change[place] < 0]
    return {"wins": tuple(map(example, best)), "losses": tuple(map(example, worst))}


def _values(judged: Judged, measure: str) -> NDArray[np.float64]:
    if measure not in CORRELATIONS:
        return judged.per_unit[measure]
    if judged.scores is None or judged.gold is None:
        raise ValueError(f"{measure} needs scored pairs")
    span = max(1, len(judged.units) - 1)
    return np.asarray(1.0 - np.abs(ranks(judged.scores) - ranks(judged.gold)) / span, dtype=np.float64)


def _describer(base: Judged, tuned: Judged, data: Dataset) -> Callable[[int], tuple[str, str, str, str]]:
    """From a unit's place to its query, what is relevant, and what each model put first."""
    if isinstance(data, Retrieval):
        return lambda place: _retrieval(data, base, tuned, place)
    if isinstance(data, Labelled):
        return lambda place: _labelled(data, base, tuned, place)
    return lambda place: _scored(data, base, tuned, place)


def _retrieval(data: Retrieval, base: Judged, tuned: Judged, place: int) -> tuple[str, str, str, str]:
    unit = base.units[place]
    grades = data.qrels[unit]
    best = max(grades, key=lambda document: grades[document])
    return data.queries[unit], data.corpus[best], base.top[place], tuned.top[place]


def _labelled(data: Labelled, base: Judged, tuned: Judged, place: int) -> tuple[str, str, str, str]:
    text = data.texts[place]
    return text.text, text.label, base.top[place], tuned.top[place]


def _scored(data: Scored, base: Judged, tuned: Judged, place: int) -> tuple[str, str, str, str]:
    pair = data.pairs[place]
    similarities = [f"similarity {judged.scores[place]:.3f}" for judged in (base, tuned) if judged.scores is not None]
    # The given score stands first, so that cutting a long text can't lose it.
    return pair.first, f"{pair.score:.2f} given: {pair.second}", similarities[0], similarities[1]
