"""One line that names the content of a data set."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from vectune.records import Dataset, Labelled, Scored


def fingerprint(data: Dataset) -> str:
    """ "sha256:..." of the texts, judgements, scores and labels, exact to the character.

    The order of rows and the ids of queries and documents do not count; how often a row stands there does.
    """
    if isinstance(data, Scored):
        return _of("scored", (_hash("pair", row.first, row.second, repr(row.score)) for row in data.pairs))
    if isinstance(data, Labelled):
        return _of("labelled", (_hash("text", row.text, row.label) for row in data.texts))
    documents = {identity: _hash("document", text) for identity, text in data.corpus.items()}
    parts = list(documents.values())
    for query, text in data.queries.items():
        grades = sorted(f"{documents[d]}={grade}" for d, grade in data.qrels.get(query, {}).items())
        negatives = sorted(documents[d] for d in data.negatives.get(query, ()))
        scores = sorted(f"{documents[d]}={score!r}" for d, score in data.scores.get(query, {}).items())
        # Data without scores keeps the line that it had before there were any.
        parts.append(_hash("query", text, *grades, "negatives", *negatives, *(["scores", *scores] if scores else [])))
    return _of(data.kind.value, parts)


def _of(kind: str, parts: Iterable[str]) -> str:
    return "sha256:" + _hash(kind, *sorted(parts))


def _hash(*parts: str) -> str:
    """Hash of several texts; each is preceded by its length, so that no two lists run together."""
    digest = sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "little"))
        digest.update(raw)
    return digest.hexdigest()
