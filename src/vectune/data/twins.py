"""Equal texts under several ids, made one: a relevant document's twin must not count as a wrong answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vectune.data.normal import text_key
from vectune.records import Retrieval


def equal_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """Id of each text that an earlier one equals (see `normal`), to the id of the first such."""
    first: dict[int, str] = {}
    twins: dict[str, str] = {}
    for identity, text in texts.items():
        original = first.setdefault(text_key(text), identity)
        if original != identity:
            twins[identity] = original
    return twins


def merge_twins(data: Retrieval, queries: Mapping[str, str], documents: Mapping[str, str]) -> Retrieval:
    """The data with each twin (id to the first's id) folded into the first: judgements are joined, the higher grade
    holds, and a negative that is relevant by that is no negative any more."""
    qrels: dict[str, dict[str, int]] = {}
    for query, grades in data.qrels.items():
        joined = qrels.setdefault(queries.get(query, query), {})
        for document, grade in grades.items():
            document = documents.get(document, document)
            joined[document] = max(grade, joined.get(document, 0))
    negatives: dict[str, dict[str, None]] = {}
    for query, ids in data.negatives.items():
        query = queries.get(query, query)
        known = qrels.get(query, {})
        fresh = [document for document in (documents.get(i, i) for i in ids) if known.get(document, 0) < 1]
        if fresh:
            negatives.setdefault(query, {}).update(dict.fromkeys(fresh))
    return replace(
        data,
        queries={query: text for query, text in data.queries.items() if query not in queries},
        corpus=_without(data.corpus, documents),
        qrels=qrels,
        negatives={query: tuple(ids) for query, ids in negatives.items()},
    )


def union(splits: Mapping[str, Retrieval]) -> Retrieval:
    """All splits of one source as one; where an id means two texts, all ids get the split's name in front."""
    parts = list(splits.values())
    if len(parts) == 1:
        return parts[0]
    if _clash(parts):
        parts = [_prefixed(part, name) for name, part in splits.items()]
    queries: dict[str, str] = {}
    corpus: dict[str, str] = {}
    qrels: dict[str, dict[str, int]] = {}
    for part in parts:
        queries |= part.queries
        corpus |= part.corpus
        for query, grades in part.qrels.items():
            joined = qrels.setdefault(query, {})
            for document, grade in grades.items():
                joined[document] = max(grade, joined.get(document, 0))
    return Retrieval(queries, corpus, qrels, kind=parts[0].kind)


def _without(corpus: Mapping[str, str], twins: Mapping[str, str]) -> Mapping[str, str]:
    return {key: text for key, text in corpus.items() if key not in twins} if twins else corpus


def _clash(parts: list[Retrieval]) -> bool:
    """Whether an id stands for different texts."""
    seen: dict[tuple[str, str], str] = {}
    for side, texts in [(side, texts) for part in parts for side, texts in (("q", part.queries), ("d", part.corpus))]:
        for identity, text in texts.items():
            if seen.setdefault((side, identity), text) != text:
                return True
    return False


def _prefixed(part: Retrieval, name: str) -> Retrieval:
    return replace(
        part,
        queries={f"{name}:{query}": text for query, text in part.queries.items()},
        corpus={f"{name}:{document}": text for document, text in part.corpus.items()},
        qrels={f"{name}:{q}": {f"{name}:{d}": g for d, g in grades.items()} for q, grades in part.qrels.items()},
        negatives={f"{name}:{q}": tuple(f"{name}:{d}" for d in ids) for q, ids in part.negatives.items()},
    )
