"""Pairs that stand the other way round elsewhere: (A, B) and (B, A) are one fact about two texts of one kind.

Duplicate questions and paraphrases come so. The two have neither query nor document in common, since each text stands
in another role, and yet whoever was trained on one has seen the other.
"""

from __future__ import annotations

from vectune.data.normal import text_key
from vectune.data.units import relevant_ids
from vectune.records import Dataset, Retrieval

PairKeys = frozenset[tuple[int, int]]
"""Keys of the texts of query and relevant document, for each pair."""


def reversed_pairs(data: Dataset, others: Dataset) -> PairKeys:
    """The pairs of `data` that `others` has the other way round; none where the data is no retrieval."""
    if not isinstance(data, Retrieval) or not isinstance(others, Retrieval):
        return frozenset()
    there = _pairs(others)
    return frozenset((query, document) for query, document in _pairs(data) if (document, query) in there)


def _pairs(data: Retrieval) -> PairKeys:
    relevant = {query: relevant_ids(data, query) for query in data.queries}
    queries = {query: text_key(text) for query, text in data.queries.items()}
    documents = {name: text_key(data.corpus[name]) for ids in relevant.values() for name in ids}
    return frozenset((queries[query], documents[name]) for query, ids in relevant.items() for name in ids)
