"""What a query adapter learns from: the train queries, their documents, and which belongs to which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vectune.encode.encoder import Vectors
from vectune.errors import ConfigError, TrainingError
from vectune.records import Dataset, Retrieval
from vectune.search.exact import top_k

Positions = NDArray[np.int64]

MINED = 16
"""Hard negatives kept for a query where a step does not rank every document."""
_LOOKED_AT = 64
_SURELY_WORSE = 0.95
"""A mined document scores under this share of the positive's cosine: what lies above is often a positive that nobody
marked (Moreira et al., NV-Retriever, 2024, arXiv 2407.15831)."""


@dataclass(frozen=True, eq=False)
class AdapterRows:
    """Distinct `queries` and `documents` as texts, and `edges` int64 [E, 2]: query and relevant document by position.
    `names[e]` is `QUERY_ID DOCUMENT_ID` of the first row that edge e came from.

    `known[q]` are the documents relevant for query q, `given[q]` its hard negatives. Documents are those of the train
    rows alone: nothing is learnt from the documents of dev and test.
    """

    queries: tuple[str, ...]
    documents: tuple[str, ...]
    edges: Positions
    names: tuple[str, ...]
    known: tuple[Positions, ...]
    given: tuple[Positions, ...]


def adapter_rows(data: Dataset) -> AdapterRows:
    """The rows of pairs, lists or triplets; ConfigError for data without a query side, TrainingError for too little."""
    if not isinstance(data, Retrieval):
        raise ConfigError(
            f"An adapter moves queries towards documents, and {data.kind.value} data has neither.",
            "Give pairs or triplets, or tune a base whose weights are here by lora or full.",
        )
    queries: dict[str, int] = {}
    documents: dict[str, int] = {}
    known: dict[int, dict[int, str]] = {}
    given: dict[int, dict[int, None]] = {}
    for name, grades in data.qrels.items():
        relevant = [document for document, grade in grades.items() if grade > 0]
        if not relevant:
            continue
        query = queries.setdefault(data.queries[name], len(queries))
        for document in relevant:
            number = documents.setdefault(data.corpus[document], len(documents))
            known.setdefault(query, {}).setdefault(number, f"{name} {document}")
        negatives = (data.corpus[document] for document in data.negatives.get(name, ()))
        given.setdefault(query, {}).update(dict.fromkeys(documents.setdefault(d, len(documents)) for d in negatives))
    edges = [(query, document) for query, found in known.items() for document in found]
    if len(edges) < 2 or len(documents) < 2:
        raise TrainingError("An adapter needs two train rows that differ.", "Give more rows.")
    return AdapterRows(
        tuple(queries),
        tuple(documents),
        np.array(edges, dtype=np.int64),
        tuple(name for found in known.values() for name in found.values()),
        tuple(np.array(list(known[query]), dtype=np.int64) for query in range(len(queries))),
        tuple(np.array([d for d in given[q] if d not in known[q]], dtype=np.int64) for q in range(len(queries))),
    )


def mined_negatives(rows: AdapterRows, queries: Vectors, documents: Vectors) -> tuple[Positions, ...]:
    """For each query the given hard negatives and the nearest documents that are probably not relevant.

    `queries` [Q, D] and `documents` [N, D] are the base's vectors of the rows' texts. Known positives are left out, and
    what scores 95 % of the query's worst positive or more.
    """
    scores, places = top_k(queries, documents, min(_LOOKED_AT, len(documents)))
    mined = []
    for query, (found, near) in enumerate(zip(scores, places, strict=True)):
        positive = float((documents[rows.known[query]] @ queries[query]).min())
        fitting = near[(found < _SURELY_WORSE * positive) & ~np.isin(near, rows.known[query])]
        mined.append(np.unique(np.concatenate([rows.given[query], fitting[:MINED]])))
    return tuple(mined)
