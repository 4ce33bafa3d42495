from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vectune.search.bm25 import BM25

texts = st.lists(st.lists(st.sampled_from("abcdef"), max_size=6).map(" ".join), min_size=1, max_size=8)


def by_hand(query: str, corpus: Sequence[str], k1: float = 1.5, b: float = 0.75) -> list[float]:
    documents = [text.split() for text in corpus]
    average = sum(map(len, documents)) / len(documents) or 1.0
    scores = [0.0] * len(documents)
    for word in query.split():
        having = sum(word in document for document in documents)
        idf = math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))
        for place, document in enumerate(documents):
            count = Counter(document)[word]
            scores[place] += idf * count / (count + k1 * (1 - b + b * len(document) / average))
    return scores


@settings(deadline=None, max_examples=60)
@given(corpus=texts, queries=texts)
def test_scores_are_the_formula_and_ties_keep_corpus_order(corpus: list[str], queries: list[str]) -> None:
    """Every score equals Lucene's BM25 worked out word by word; a repeated query word counts each time."""
    scores, indices = BM25(corpus).top_k(queries, len(corpus))
    for row, query in enumerate(queries):
        expected = np.array(by_hand(query, corpus))
        np.testing.assert_allclose(scores[row], expected[indices[row]], rtol=1e-4, atol=1e-6)
        falls = np.diff(scores[row])
        assert (falls <= 0).all()
        assert (np.diff(indices[row])[falls == 0] > 0).all()


@settings(deadline=None, max_examples=30)
@given(corpus=texts, data=st.data())
def test_scores_of_named_pairs_are_those_of_the_ranking(corpus: list[str], data: st.DataObject) -> None:
    """Scoring one document for one query gives what ranking gives it."""
    queries = data.draw(texts)
    documents = np.array(
        data.draw(st.lists(st.integers(0, len(corpus) - 1), min_size=len(queries), max_size=len(queries)))
    )
    index = BM25(corpus)
    scores, indices = index.top_k(queries, len(corpus))
    expected = [scores[row][indices[row] == document][0] for row, document in enumerate(documents)]
    np.testing.assert_allclose(index.scores_of(queries, documents), expected, rtol=1e-5, atol=1e-7)


def test_documents_without_a_shared_word_score_zero_and_come_last_in_order() -> None:
    """k places are always filled, the last ones with score 0 in corpus order."""
    scores, indices = BM25(["red", "blue", "green", "blue sky"]).top_k(["blue", "nothing"], 4)
    assert indices.tolist() == [[1, 3, 0, 2], [0, 1, 2, 3]]
    assert scores[0, 2:].tolist() == [0.0, 0.0]
    assert scores[1].tolist() == [0.0] * 4


@pytest.mark.parametrize("corpus", [[], ["", "..."], ["!"]])
def test_a_corpus_without_words_scores_zero(corpus: list[str]) -> None:
    """Nothing to index is no error and no warning."""
    index = BM25(corpus)
    scores, indices = index.top_k(["a query", ""], 5)
    assert scores.shape == indices.shape == (2, len(corpus))
    assert not scores.any()
    assert index.scores_of(["a"] * len(corpus), np.arange(len(corpus))).tolist() == [0.0] * len(corpus)


def test_no_queries_give_an_empty_answer() -> None:
    """An empty list of queries is no error."""
    index = BM25(["a", "b"])
    assert index.top_k([], 2)[0].shape == (0, 2)
    assert index.scores_of([], np.zeros(0, dtype=np.int64)).shape == (0,)


def test_many_queries_are_scored_in_blocks_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """The block size (here made tiny, which only a patch can do) changes nothing."""
    corpus = [f"w{i % 7} w{i % 5} w{i % 3}" for i in range(40)]
    queries = [f"w{i % 7} w{i % 2}" for i in range(9)]
    whole = BM25(corpus).top_k(queries, 6)
    monkeypatch.setattr("vectune.search.bm25._CELLS", 80)
    parts = BM25(corpus).top_k(queries, 6)
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_array_equal(whole[1], parts[1])
