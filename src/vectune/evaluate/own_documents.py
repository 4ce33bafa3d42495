"""A query that stands in the corpus itself finds itself first, which no model can help: it is left out of its ranking.

BEIR ignores the document that has the id of the query (Thakur et al., BEIR: a heterogeneous benchmark for zero-shot
evaluation of information retrieval models, 2021). Here the text tells, since many formats have no ids of their own, and
in others queries and documents are numbered apart; a document that is judged relevant stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vectune.data.normal import normal
from vectune.data.units import relevant_ids
from vectune.evaluate.metrics.graded import DEPTH
from vectune.evaluate.sides import Matcher
from vectune.records import Retrieval


def own_documents(data: Retrieval, queries: Sequence[str]) -> list[frozenset[str]]:
    """For each of `queries` (ids) the ids of the documents that are the query itself and not judged relevant.

    They have the query's text, whatever the case and white space.
    """
    same_text: dict[str, set[str]] = {normal(data.queries[name]): set() for name in queries}
    for document, text in data.corpus.items():
        if (found := same_text.get(normal(text))) is not None:
            found.add(document)

    def own(query: str) -> frozenset[str]:
        return frozenset(same_text[normal(data.queries[query])].difference(relevant_ids(data, query)))

    return [own(query) for query in queries]


def best_others(matcher: Matcher, own: Sequence[frozenset[int]]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The 100 best right texts of each left text i, those at the places `own[i]` passed over: scores and places.

    Where so many are not left, the row ends with the text's own places, at a score of minus infinity.
    """
    most = max(map(len, own), default=0)
    scores, ranking = matcher.top_k(DEPTH + most)
    if not most:
        return scores, ranking
    passed_over = np.zeros(ranking.shape, dtype=np.bool_)
    for row, places in enumerate(own):
        if places:
            passed_over[row] = np.isin(ranking[row], list(places))
    order = np.argsort(passed_over, axis=1, kind="stable")[:, :DEPTH]
    scores = np.where(passed_over, np.float32(-np.inf), scores)
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(ranking, order, axis=1)
