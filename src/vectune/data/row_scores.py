"""Scores that come with pairs, such as a cross-encoder's: which columns hold them, and which text each belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from vectune.data import reasons
from vectune.data.columns import Columns, Getter
from vectune.data.formats import Fields
from vectune.data.passages import passage_text
from vectune.data.scores import as_score

POSITIVE_SCORE_NAMES = ("pos_scores", "pos_score", "positive_scores", "positive_score")
NEGATIVE_SCORE_NAMES = ("neg_scores", "neg_score", "negative_scores", "negative_score")
SCORES_NAMES = ("scores",)
LISTED_NAMES = (*SCORES_NAMES, "score", "labels", "label")
"""Names of lists of scores where there are negatives; elsewhere a list of labels may be one of classes."""
MARGIN_NAMES = ("margin", "margins")
SCORE_ROLES = ("positive_score", "negative_score", "scores", "margin")

Scores = tuple[float | None, ...]
ScoreReader = Callable[[Fields, Sequence[str], Sequence[str], list[str]], Scores]
"""(fields, positives kept, negatives kept, reasons of dropped parts to add to) to a score for each text kept."""


def score_columns(columns: Columns, *, negatives: bool) -> dict[str, tuple[str, ...]]:
    """The columns that hold scores beside an anchor and its texts: role to column; empty without any.

    Scores a side go before one list for all texts, and that before margins, which need negatives. A single number
    named `score` or `label` is none of these: it may be the miner's confidence.
    """
    sides = {"positive_score": POSITIVE_SCORE_NAMES} | ({"negative_score": NEGATIVE_SCORE_NAMES} if negatives else {})
    found = {role: column for role, names in sides.items() if (column := _first(columns, names, _are_numbers))}
    if not found and (column := _first(columns, LISTED_NAMES if negatives else SCORES_NAMES, _are_lists)):
        return {"scores": (column,)}
    if not found and negatives and (column := _first(columns, MARGIN_NAMES, _are_numbers)):
        return {"margin": (column,)}
    return {role: (column,) for role, column in found.items()}


def compile_scores(getters: Mapping[str, list[Getter]]) -> ScoreReader | None:
    """The function that reads a row's scores, given how each role's values are got; None where no column has any."""
    if not any(role in getters for role in SCORE_ROLES):
        return None
    (get_positive,), get_negatives = getters["positive"], getters.get("negative", [])
    read = {role: get for role in SCORE_ROLES for get in getters.get(role, [])}

    def scores(fields: Fields, positives: Sequence[str], negatives: Sequence[str], parts: list[str]) -> Scores:
        sides = (_Side(_elements(get_positive(fields)), positives), _negatives(fields, get_negatives, negatives))
        try:
            found = _of_row({role: _numbers(get(fields)) for role, get in read.items()}, *sides)
        except ValueError:
            parts.append(reasons.PART_SCORES)
            return ()
        return found if any(score is not None for score in found) else ()

    return scores


class _Side:
    """The values that a row gives as positives or negatives, and which of them were kept as texts."""

    def __init__(self, given: list[Any], kept: Sequence[str]) -> None:
        self._given = [passage_text(value) for value in given]
        self._kept = kept

    def __len__(self) -> int:
        return len(self._given)

    @property
    def filled(self) -> int:
        """How many values are not mere padding."""
        return sum(not _is_padding(value) for value in self._given)

    def aligned(self, numbers: Sequence[float | None]) -> Scores:
        """The score of each text kept; ValueError when there are not as many numbers as values, padding aside."""
        if not numbers:
            return (None,) * len(self._kept)
        values = self._given
        if len(numbers) != len(values):
            values = [value for value in values if not _is_padding(value)]
        found: list[float | None] = []
        for value, number in zip(values, numbers, strict=True):
            # What was kept stands in the row's order, so the next kept text is the next equal value.
            if len(found) < len(self._kept) and value == self._kept[len(found)]:
                found.append(number)
        return tuple(found)


def _of_row(read: Mapping[str, list[float | None]], positives: _Side, negatives: _Side) -> Scores:
    if "scores" in read:
        numbers = read["scores"]
        count = len(positives) if len(numbers) == len(positives) + len(negatives) else positives.filled
        return positives.aligned(numbers[:count]) + negatives.aligned(numbers[count:])
    if "margin" in read:
        # Only differences count, so that the positive may stand at zero and each negative its margin below.
        below = [None if margin is None else -margin for margin in read["margin"]]
        return positives.aligned([0.0] * len(positives) if below else []) + negatives.aligned(below)
    return positives.aligned(read.get("positive_score", [])) + negatives.aligned(read.get("negative_score", []))


def _negatives(fields: Fields, getters: Sequence[Getter], kept: Sequence[str]) -> _Side:
    return _Side([element for get in getters for element in _elements(get(fields))], kept)


def _elements(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_padding(value: Any) -> bool:
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


def _numbers(value: Any) -> list[float | None]:
    """The numbers of a cell: a number, a list of them, or such a list as JSON; nulls are texts without a score."""
    if isinstance(value, str):
        value = orjson.loads(value) if value.lstrip().startswith("[") else value
    if value is None or value == "":
        return []
    numbers = [(element, as_score(element)) for element in _elements(value)]
    if any(score is None for element, score in numbers if element is not None):
        raise ValueError("a score is no number")
    return [score for _, score in numbers]


def _first(columns: Columns, names: Sequence[str], fits: Callable[[list[Any]], bool]) -> str | None:
    """The first column with one of the names, in their order, whose values fit."""
    named = [columns.lowered[name] for name in names if name in columns.lowered]
    return next((column for column in named if fits(columns.values(column))), None)


def _are_numbers(values: list[Any]) -> bool:
    """Whether at least half of the cells hold numbers, or lists of them."""
    return bool(values) and 2 * sum(map(_holds_number, values)) >= len(values)


def _are_lists(values: list[Any]) -> bool:
    lists = [value for value in values if isinstance(value, list) or str(value).lstrip().startswith("[")]
    return 2 * len(lists) >= len(values) and _are_numbers(lists)


def _holds_number(value: Any) -> bool:
    try:
        return any(number is not None for number in _numbers(value)) or value == []
    except ValueError:
        return False
