"""One line that names the content of a data set, and one that names it in its order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

from vectune.records import Dataset, Labelled, Retrieval, Scored


def fingerprint(data: Dataset) -> str:
    """ "sha256:..." of the texts, judgements, scores and labels, exact to the character.

    The order of rows and the ids of queries and documents do not count; how often a row stands there does.
    """
    documents = _documents(data)
    return _of(data, sorted([*documents.values(), *_rows(data, documents)]))


def order_fingerprint(data: Dataset) -> str:
    """ "sha256:..." of the same rows in the order in which they stand: equal where row i of both is the same row.

    Ids, and documents that no row names, do not count.
    """
    return _of(data, _rows(data, _documents(data)))


def _of(data: Dataset, parts: Iterable[str]) -> str:
    return "sha256:" + _hash(data.kind.value, *parts)


def _documents(data: Dataset) -> dict[str, str]:
    """A hash for each document by its id; none but in retrieval."""
    if not isinstance(data, Retrieval):
        return {}
    return {identity: _hash("document", text) for identity, text in data.corpus.items()}


def _rows(data: Dataset, documents: Mapping[str, str]) -> list[str]:
    """A hash for each query, scored pair or labelled text, in their order."""
    if isinstance(data, Scored):
        return [_hash("pair", row.first, row.second, repr(row.score)) for row in data.pairs]
    if isinstance(data, Labelled):
        return [_hash("text", row.text, row.label) for row in data.texts]
    return [_query(data, query, documents) for query in data.queries]


def _query(data: Retrieval, query: str, documents: Mapping[str, str]) -> str:
    grades = sorted(f"{documents[d]}={grade}" for d, grade in data.qrels.get(query, {}).items())
    negatives = sorted(documents[d] for d in data.negatives.get(query, ()))
    scores = sorted(f"{documents[d]}={score!r}" for d, score in data.scores.get(query, {}).items())
    # Data without scores keeps the line that it had before there were any.
    scored = ["scores", *scores] if scores else []
    return _hash("query", data.queries[query], *grades, "negatives", *negatives, *scored)


def _hash(*parts: str) -> str:
    """Hash of several texts; each is preceded by its length, so that no two lists run together."""
    digest = sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "little"))
        digest.update(raw)
    return digest.hexdigest()
