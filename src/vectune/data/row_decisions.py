"""Which rows go and why: contradictions first, then repeats, then negatives that are known positives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from vectune.data.row_facts import RowFacts
from vectune.records import Dropped, Kind, LabelledText, Pair, Row, ScoredPair

SCORES_APART = 0.2
"""Scores (0 to 1) of one pair of texts that differ by more than this contradict one another."""
KEPT, DUPLICATE, SCORES_CONTRADICT, LABELS_CONTRADICT, NO_NEGATIVE_LEFT = range(5)
REASONS = {
    DUPLICATE: "duplicate",
    SCORES_CONTRADICT: "contradicting scores",
    LABELS_CONTRADICT: "contradicting labels",
    NO_NEGATIVE_LEFT: "negative is a known positive",
}
NEGATIVE_REMOVED = "negative is a known positive (the row stays)"
_CONTENT_CHARS = 2_000
_ANCHOR, _OTHER = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True)
class Decisions:
    """The fate of each row (int8 [rows], see the constants), and what is taken from rows that stay.

    `original` is the row number of which a duplicate is one (int64 [rows], else 0). `lost` maps a row's place to the
    places among its negatives that go.
    """

    fate: NDArray[np.int8]
    original: NDArray[np.int64]
    lost: Mapping[int, frozenset[int]]

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Which rows stay: bool [rows]."""
        return np.asarray(self.fate == KEPT, dtype=bool)

    def counts(self) -> dict[str, int]:
        """Reason to number of rows dropped for it."""
        return {REASONS[fate]: count for fate, count in sorted(Counter(self.fate.tolist()).items()) if fate != KEPT}


def decide(facts: RowFacts) -> Decisions:
    """Judge all rows. Duplicates are rows whose every normalised text (and score or label) is an earlier row's."""
    fate = np.zeros(len(facts), np.int8)
    keys = _row_keys(facts)
    if facts.kind is Kind.SCORED:
        fate[_spread(_pair_keys(facts), facts.scores()) > SCORES_APART + 1e-9] = SCORES_CONTRADICT
    elif facts.kind is Kind.LABELLED:
        fate[_spread(facts.sides["text"].keys(), facts.labels()) > 0] = LABELS_CONTRADICT
    original = _mark_duplicates(fate, keys, facts.numbers())
    lost: dict[int, frozenset[int]] = {}
    if facts.kind in (Kind.PAIRS, Kind.TRIPLETS):
        lost = _known_positives(facts, fate)
    return Decisions(fate, original, lost)


def outcomes(items: Iterable[Row | Dropped], decisions: Decisions) -> Iterator[Row | Dropped]:
    """The items once more, in order: rows that stay (less lost negatives), and a Dropped for all that goes."""
    place = 0
    for item in items:
        if isinstance(item, Dropped):
            yield item
            continue
        fate, lost = int(decisions.fate[place]), decisions.lost.get(place)
        if fate != KEPT:
            origin = int(decisions.original[place])
            yield Dropped(item.row, f"duplicate of row {origin}" if fate == DUPLICATE else REASONS[fate], shown(item))
        elif lost and isinstance(item, Pair):
            gone = Pair(item.anchor, (), tuple(text for i, text in enumerate(item.negatives) if i in lost), item.row)
            yield Dropped(item.row, NEGATIVE_REMOVED, shown(gone))
            yield _without(item, lost)
        else:
            yield item
        place += 1


def _without(pair: Pair, lost: frozenset[int]) -> Pair:
    """The pair less the negatives at the places `lost`, and less their scores."""
    negatives = tuple(text for i, text in enumerate(pair.negatives) if i not in lost)
    first = len(pair.positives)
    scores = tuple(score for i, score in enumerate(pair.scores, -first) if i not in lost)
    return replace(pair, negatives=negatives, scores=scores)


def columns_of(row: Row, listed: Collection[str] = ()) -> dict[str, Any]:
    """The row as named columns, the way clean data is written.

    A single text is a string, and a side without texts is left out, but for the sides that are `listed`.
    """
    if isinstance(row, ScoredPair):
        return {"sentence1": row.first, "sentence2": row.second, "score": row.score}
    if isinstance(row, LabelledText):
        return {"text": row.text, "label": row.label}
    sides = {"anchor": (row.anchor,), "positive": row.positives, "negative": row.negatives}
    named: dict[str, Any] = {
        name: texts[0] if len(texts) == 1 and name not in listed else list(texts)
        for name, texts in sides.items()
        if texts or name in listed
    }
    if row.scores:
        count = len(row.positives)
        named |= {"pos_scores": list(row.scores[:count]), "neg_scores": list(row.scores[count:])}
    return named


def shown(row: Row) -> str:
    """The row as JSON, cut to 2,000 characters."""
    return orjson.dumps(columns_of(row)).decode()[:_CONTENT_CHARS]


def _row_keys(facts: RowFacts) -> NDArray[np.uint64]:
    """A hash of each row's texts, score and label; the order of equal roles does not count."""
    if facts.kind is Kind.SCORED:
        return _mixed(_pair_keys(facts) + (facts.scores() + 0.0).view(np.uint64) * _OTHER)
    if facts.kind is Kind.LABELLED:
        return _mixed(facts.sides["text"].keys() + facts.labels().astype(np.uint64) * _OTHER)
    documents = facts.sides["document"]
    parts = _mixed(documents.keys() + facts.negative().astype(np.uint64) * _OTHER)
    sums = np.zeros(len(facts), np.uint64)
    np.add.at(sums, documents.owners(), parts)
    return _mixed(facts.sides["query"].keys() * _ANCHOR + sums)


def _pair_keys(facts: RowFacts) -> NDArray[np.uint64]:
    """A hash of the two texts of each scored pair, whichever comes first."""
    both = np.sort(facts.sides["text"].keys().reshape(-1, 2), axis=1)
    return _mixed(both[:, 0] * _ANCHOR + both[:, 1] * _OTHER)


def _spread(keys: NDArray[np.uint64], values: NDArray[Any]) -> NDArray[Any]:
    """Largest less smallest value among all that share a key, for each: [n]."""
    if not len(keys):
        return values
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.concatenate(([True], np.diff(keys[order]) != 0)))
    spreads = np.maximum.reduceat(values[order], starts) - np.minimum.reduceat(values[order], starts)
    spread = np.empty_like(values)
    spread[order] = np.repeat(spreads, np.diff(starts, append=len(keys)))
    return spread


def _mark_duplicates(fate: NDArray[np.int8], keys: NDArray[np.uint64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Mark in `fate` what repeats an earlier row that stays; gives back the number of that row."""
    alive = np.flatnonzero(fate == KEPT)
    _, first, group = np.unique(keys[alive], return_index=True, return_inverse=True)
    origin = alive[first[group]]
    again = origin != alive
    fate[alive[again]] = DUPLICATE
    original = np.zeros(len(fate), np.int64)
    original[alive[again]] = numbers[origin[again]]
    return original


def _known_positives(facts: RowFacts, fate: NDArray[np.int8]) -> dict[int, frozenset[int]]:
    """The negatives that some row gives as a positive of the same anchor; triplets left without one go (in `fate`)."""
    documents, negative = facts.sides["document"], facts.negative()
    if not negative.any():
        return {}
    owners = documents.owners()
    keys = _mixed(facts.sides["query"].keys()[owners] * _ANCHOR + documents.keys() * _OTHER)
    alive = fate[owners] == KEPT
    wrong = np.flatnonzero(alive & negative & np.isin(keys, keys[alive & ~negative]))
    first_negative = np.searchsorted(owners, np.arange(len(fate))) + np.bincount(owners[~negative], minlength=len(fate))
    lost: dict[int, set[int]] = {}
    for place in wrong.tolist():
        owner = int(owners[place])
        lost.setdefault(owner, set()).add(place - int(first_negative[owner]))
    if facts.kind is Kind.TRIPLETS:
        given = np.bincount(owners[negative], minlength=len(fate))
        for owner in [owner for owner, places in lost.items() if len(places) == given[owner]]:
            fate[owner] = NO_NEGATIVE_LEFT
            del lost[owner]
    return {owner: frozenset(places) for owner, places in lost.items()}


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every bit, so that sums and products of keys stay apart (the finishing step of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)), dtype=np.uint64)
