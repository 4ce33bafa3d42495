"""BM25, the lexical baseline that every model must be compared with (Robertson and Zaragoza, 2009).

The index is bm25s's (Lù, 2024, arXiv 2407.03618), Lucene's variant at its usual k1 = 1.5 and b = 0.75: the score of
every word in every document is worked out beforehand, so that search is a sparse product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import bm25s
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from vectune.search.best import Best
from vectune.search.words import words

_CELLS = 4_000_000


class BM25:
    """An index over `corpus`; a document's index is its place there."""

    def __init__(self, corpus: Sequence[str]) -> None:
        self._vocabulary: dict[str, int] = {}
        ids = [self._learn(text) for text in corpus]
        self._size = len(ids)
        self._matrix = self._index(ids)

    def top_k(self, queries: Sequence[str], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k best documents for each query: scores float32 [Q, k] and indices int64 [Q, k].

        Scores fall along each row, equal scores go to the lower document index, and k is cut to the corpus.
        Documents that share no word with the query score 0 and fill the end of the row in corpus order.
        """
        count = min(k, self._size)
        scores = np.empty((len(queries), count), dtype=np.float32)
        indices = np.empty((len(queries), count), dtype=np.int64)
        block = max(1, _CELLS // max(1, self._size))
        for start in range(0, len(queries), block):
            part = queries[start : start + block]
            best = Best(len(part), count)
            best.offer((self._count(part) @ self._matrix).toarray(), 0)
            scores[start : start + block] = best.scores
            indices[start : start + block] = best.indices
        return scores, indices

    def scores_of(self, queries: Sequence[str], documents: NDArray[np.int64]) -> NDArray[np.float32]:
        """The score of document `documents[i]` for `queries[i]`: float32 [len(queries)]."""
        chosen = self._matrix.T.tocsr()[documents]
        return np.asarray(self._count(queries).multiply(chosen).sum(axis=1), dtype=np.float32).reshape(-1)

    def _learn(self, text: str) -> list[int]:
        return [self._vocabulary.setdefault(word, len(self._vocabulary)) for word in words(text)]

    def _index(self, ids: list[list[int]]) -> csr_matrix:
        """Scores of words in documents, float32 [words, documents]."""
        shape = (len(self._vocabulary), len(ids))
        if not self._vocabulary:
            return csr_matrix(shape, dtype=np.float32)
        index = bm25s.BM25()
        index.index((ids, self._vocabulary), create_empty_token=False, show_progress=False)
        # bm25s holds [documents, words] by column, which is [words, documents] by row.
        return csr_matrix((index.scores["data"], index.scores["indices"], index.scores["indptr"]), shape=shape)

    def _count(self, queries: Sequence[str]) -> csr_matrix:
        """How often each known word stands in each query, float32 [Q, words]."""
        counts = [Counter(self._vocabulary[w] for w in words(text) if w in self._vocabulary) for text in queries]
        ends = np.cumsum([0, *(len(count) for count in counts)])
        columns = np.array([word for count in counts for word in count], dtype=np.int64)
        values = np.array([number for count in counts for number in count.values()], dtype=np.float32)
        return csr_matrix((values, columns, ends), shape=(len(counts), len(self._vocabulary)))
