"""What one optimiser step sees: the texts to encode, each once, and how they belong together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class PairScores:
    """Scores that came with the data: `values[k]` says how well candidate `columns[k]` fits anchor `rows[k]`; [S] each.

    Higher is better; the distance from the lowest to the highest score of all training rows is 1.
    """

    rows: Positions
    columns: Positions
    values: NDArray[np.float32]


@dataclass(frozen=True)
class Contrast:
    """Anchors [B] and candidates [C >= B] as positions in the batch's texts; candidate i is anchor i's positive. A text
    may come more than once among either.

    `known` bool [B, C] marks every candidate that is a positive of that anchor. `given` bool [B, C] marks the hard
    negatives that came with that anchor. `scores` are those of the data, where it has any.
    """

    anchors: Positions
    candidates: Positions
    known: NDArray[np.bool_]
    given: NDArray[np.bool_]
    scores: PairScores | None = None


@dataclass(frozen=True)
class Grades:
    """Scored pairs: positions of the first and second texts [P] and their gold scores [P]."""

    first: Positions
    second: Positions
    gold: NDArray[np.float32]


@dataclass(frozen=True)
class Classes:
    """Labelled texts: positions [T] and class numbers [T]."""

    texts: Positions
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """`texts` int64 [T]: rows of the training set's token store, each once. `num_rows` is the number of data rows."""

    texts: Positions
    arrangement: Contrast | Grades | Classes
    num_rows: int
