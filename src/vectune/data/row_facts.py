"""What must be known of all rows at once to judge each: keys, owners, scores and labels, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vectune.data.sides import Side, language_sample
from vectune.records import Kind, LabelledText, Pair, Row, ScoredPair


class RowFacts:
    """Gathers facts while rows stream by in blocks; about 300 bytes stay of a pair. Call `close` at the end.

    Rows are numbered 0, 1, ... as they come; `numbers` says where they stand in the source. Sides are "query" and
    "document" (pairs, triplets) or "text" (scored pairs, labelled texts).
    """

    def __init__(self, kind: Kind, near_duplicate: float, folder: Path | None = None) -> None:
        self.kind = kind
        self.languages = language_sample()
        names = ("query", "document") if kind in (Kind.PAIRS, Kind.TRIPLETS) else ("text",)
        self.sides = {name: Side(name, near_duplicate, self.languages, folder) for name in names}
        self._numbers: list[NDArray[np.int64]] = []
        self._negative: list[NDArray[np.bool_]] = []
        self._scores: list[NDArray[np.float64]] = []
        self._labels: list[NDArray[np.int64]] = []
        self._label_ids: dict[str, int] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, rows: Sequence[Row]) -> None:
        """Take in one block of rows, all of the kind that was announced."""
        owners = range(self._count, self._count + len(rows))
        self._numbers.append(np.array([row.row for row in rows], np.int64))
        if self.kind is Kind.SCORED:
            self._add_scored([row for row in rows if isinstance(row, ScoredPair)], owners)
        elif self.kind is Kind.LABELLED:
            self._add_labelled([row for row in rows if isinstance(row, LabelledText)], owners)
        else:
            self._add_pairs([row for row in rows if isinstance(row, Pair)], owners)
        self._count += len(rows)

    def numbers(self) -> NDArray[np.int64]:
        """Row number in the source: int64 [rows]."""
        return np.concatenate([*self._numbers, np.zeros(0, np.int64)])

    def negative(self) -> NDArray[np.bool_]:
        """Whether each text of the document side is a negative: bool [documents]; a row's positives come first."""
        return np.concatenate([*self._negative, np.zeros(0, bool)])

    def scores(self) -> NDArray[np.float64]:
        """Score of each scored pair: float64 [rows]."""
        return np.concatenate([*self._scores, np.zeros(0)])

    def labels(self) -> NDArray[np.int64]:
        """Number of each row's label, in order of appearance: int64 [rows]."""
        return np.concatenate([*self._labels, np.zeros(0, np.int64)])

    def close(self) -> None:
        """Give memory and files back."""
        for side in self.sides.values():
            side.close()

    def _add_pairs(self, rows: Sequence[Pair], owners: range) -> None:
        self.sides["query"].add([row.anchor for row in rows], owners)
        texts: list[str] = []
        belongs: list[int] = []
        negative: list[bool] = []
        for owner, row in zip(owners, rows, strict=True):
            texts += row.positives + row.negatives
            belongs += [owner] * (len(row.positives) + len(row.negatives))
            negative += [False] * len(row.positives) + [True] * len(row.negatives)
        self.sides["document"].add(texts, belongs)
        self._negative.append(np.array(negative, bool))

    def _add_scored(self, rows: Sequence[ScoredPair], owners: range) -> None:
        texts = [text for row in rows for text in (row.first, row.second)]
        self.sides["text"].add(texts, [owner for owner in owners for _ in range(2)])
        self._scores.append(np.array([row.score for row in rows], np.float64))

    def _add_labelled(self, rows: Sequence[LabelledText], owners: range) -> None:
        self.sides["text"].add([row.text for row in rows], owners)
        ids = self._label_ids
        self._labels.append(np.array([ids.setdefault(row.label, len(ids)) for row in rows], np.int64))
