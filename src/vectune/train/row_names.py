"""A batch's rows under the names by which the user knows them: query and document ids, or row numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from vectune.encode.tokens import Indices
from vectune.records import Labelled, Retrieval, Role, Scored
from vectune.train.batch import Batch, Classes, Contrast, Grades

Number = Callable[[str, Role], int]
"""The number of a text in its role, as `TextPool.add` gives it."""
LISTED = 128
"""Names that a sentence has at most."""


def contrast_names(data: Retrieval, number: Number, batch: Batch) -> list[str]:
    """`QUERY_ID DOCUMENT_ID` of each anchor and its positive, in the batch's order; equal texts give several."""
    contrast = batch.arrangement
    assert isinstance(contrast, Contrast)
    anchors = batch.texts[contrast.anchors].tolist()
    positives = batch.texts[contrast.candidates[: len(anchors)]].tolist()
    found: dict[tuple[int, int], list[str]] = {edge: [] for edge in zip(anchors, positives, strict=True)}
    wanted = set(anchors)
    for query, grades in data.qrels.items():
        anchor = number(data.queries[query], Role.QUERY)
        if anchor in wanted:
            for document in (name for name, grade in grades.items() if grade > 0):
                names = found.get((anchor, number(data.corpus[document], Role.DOCUMENT)))
                if names is not None:
                    names.append(f"{query} {document}")
    return [name for names in found.values() for name in names]


def scored_names(data: Scored, number: Number, batch: Batch) -> list[str]:
    """The row numbers of the batch's pairs, in the order of the data."""
    grades = batch.arrangement
    assert isinstance(grades, Grades)
    first, second = batch.texts[grades.first].tolist(), batch.texts[grades.second].tolist()
    wanted = set(zip(first, second, strict=True))
    return [
        str(pair.row)
        for pair in data.pairs
        if (number(pair.first, Role.DOCUMENT), number(pair.second, Role.DOCUMENT)) in wanted
    ]


def labelled_names(data: Labelled, number: Number, batch: Batch) -> list[str]:
    """The row numbers of the batch's texts, in the order of the data."""
    classes = batch.arrangement
    assert isinstance(classes, Classes)
    wanted = set(batch.texts[classes.texts].tolist())
    return [str(text.row) for text in data.texts if number(text.text, Role.DOCUMENT) in wanted]


def with_texts(batch: Batch, numbers: Indices) -> Batch:
    """The rows of `batch` that have a text with one of these numbers, as a batch that can be named."""
    wanted, part = np.isin(batch.texts, numbers), batch.arrangement
    if isinstance(part, Grades):
        rows = wanted[part.first] | wanted[part.second]
        return Batch(batch.texts, Grades(part.first[rows], part.second[rows], part.gold[rows]), int(rows.sum()))
    if isinstance(part, Classes):
        rows = wanted[part.texts]
        return Batch(batch.texts, Classes(part.texts[rows], part.labels[rows]), int(rows.sum()))
    count, candidates = len(part.anchors), wanted[part.candidates]
    rows = wanted[part.anchors] | candidates[:count] | (part.given & candidates).any(axis=1)
    own = np.ix_(rows, np.flatnonzero(rows))  # each with the positives of these rows
    contrast = Contrast(part.anchors[rows], part.candidates[:count][rows], part.known[own], part.given[own])
    return Batch(batch.texts, contrast, int(rows.sum()))


def listed(names: Sequence[str], most: int = LISTED) -> str:
    """Names as one phrase for a sentence; of more than `most` the rest is counted."""
    shown: Iterable[str] = names[:most]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(shown) + more
