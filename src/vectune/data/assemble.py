"""Rows to a data set, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from vectune.data.normal import text_key
from vectune.errors import DataError
from vectune.records import Dataset, Kind, Labelled, LabelledText, Pair, Retrieval, Row, Scored, ScoredPair

RowType = TypeVar("RowType", Pair, ScoredPair, LabelledText)


def assemble(rows: Iterable[Row], kind: Kind) -> Dataset:
    """The data set that `rows` make up.

    Pairs: equal anchors (see `normal`) become one query with all their positives, equal texts one document. Query ids
    are "q<row>" and document ids "d<row>-<i>" of the first occurrence; `i` counts the row's positives, then its
    negatives, from 0. A negative that is also a positive of the same query is no negative. Of two scores of one
    document for one query the first holds.
    DataError when a row is not of `kind`.
    """
    if kind is Kind.SCORED:
        return Scored(tuple(_of(ScoredPair, row) for row in rows))
    if kind is Kind.LABELLED:
        return Labelled(tuple(_of(LabelledText, row) for row in rows))
    gathered = _Gathered()
    for count, row in enumerate(rows, 1):
        gathered.add(_of(Pair, row), count)
    return gathered.retrieval(kind)


def _of(wanted: type[RowType], row: Row) -> RowType:
    if not isinstance(row, wanted):
        found = f"row {row.row} is a {type(row).__name__} among rows of {wanted.__name__}"
        raise DataError(found, hint="give rows of one kind")
    return row


class _Gathered:
    """Queries, documents and judgements while rows come in."""

    def __init__(self) -> None:
        self.queries: dict[str, str] = {}
        self.corpus: dict[str, str] = {}
        self.qrels: dict[str, dict[str, int]] = {}
        self.negatives: dict[str, dict[str, None]] = {}
        self.scores: dict[str, dict[str, float]] = {}
        self._query_ids: dict[int, str] = {}
        self._document_ids: dict[int, str] = {}

    def add(self, pair: Pair, count: int) -> None:
        """Take in one row; `count` numbers a row that has no number of its own."""
        row = pair.row or count
        query = self._identity(pair.anchor, f"q{row}", self._query_ids, self.queries)
        grades = self.qrels.setdefault(query, {})
        documents = [
            self._identity(text, f"d{row}-{i}", self._document_ids, self.corpus)
            for i, text in enumerate(pair.positives + pair.negatives)
        ]
        grades.update(dict.fromkeys(documents[: len(pair.positives)], 1))
        if pair.negatives:
            self.negatives.setdefault(query, {}).update(dict.fromkeys(documents[len(pair.positives) :]))
        for document, score in zip(documents, pair.scores, strict=False):
            if score is not None:
                self.scores.setdefault(query, {}).setdefault(document, score)

    @staticmethod
    def _identity(text: str, wanted: str, ids: dict[int, str], texts: dict[str, str]) -> str:
        """The id of the first equal text, or `wanted` for a new one (marked when rows of two files share a number)."""
        key = text_key(text)
        known = ids.get(key)
        if known is not None:
            return known
        while wanted in texts:
            wanted += "'"
        ids[key] = wanted
        texts[wanted] = text
        return wanted

    def retrieval(self, kind: Kind) -> Retrieval:
        negatives = {
            query: tuple(document for document in found if document not in self.qrels[query])
            for query, found in self.negatives.items()
        }
        negatives = {query: found for query, found in negatives.items() if found}
        return Retrieval(self.queries, self.corpus, self.qrels, negatives, kind, self.scores)


def disassemble(data: Dataset) -> Iterator[Row]:
    """The rows that `data` is made of: what `assemble` makes into it again.

    Retrieval gives one Pair a query with every document of grade 1 or more as positive; triplets give one Pair a
    positive and negative, the shorter side repeated. Rows are numbered from 1. Documents without a query are in no row.
    """
    if isinstance(data, Scored):
        yield from data.pairs
    elif isinstance(data, Labelled):
        yield from data.texts
    else:
        yield from _pairs(data)


def _pairs(data: Retrieval) -> Iterator[Pair]:
    row = 0
    for query, grades in data.qrels.items():
        positives = tuple(document for document, grade in grades.items() if grade >= 1)
        negatives = data.negatives.get(query, ())
        if data.kind is Kind.TRIPLETS and positives and negatives:
            for i in range(max(len(positives), len(negatives))):
                row += 1
                yield _pair(data, query, (positives[i % len(positives)],), (negatives[i % len(negatives)],), row)
        elif positives:
            row += 1
            yield _pair(data, query, positives, negatives, row)


def _pair(data: Retrieval, query: str, positives: tuple[str, ...], negatives: tuple[str, ...], row: int) -> Pair:
    """The row of a query with these documents (ids), and their scores where the query has any."""
    known = data.scores.get(query)
    scores = tuple(known.get(document) for document in positives + negatives) if known else ()
    positive_texts, negative_texts = (tuple(data.corpus[name] for name in ids) for ids in (positives, negatives))
    return Pair(data.queries[query], positive_texts, negative_texts, row, scores)
