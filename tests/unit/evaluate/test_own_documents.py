from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.fakes.hash_encoder import HashEncoder
from vectune.config import EvaluateConfig
from vectune.evaluate.judge import judge, judge_bm25
from vectune.evaluate.own_documents import best_others, own_documents
from vectune.evaluate.sides import VectorMatcher
from vectune.records import Retrieval

CONFIG = EvaluateConfig()
CHAIN = Retrieval(
    queries={"a": "red fish swims", "b": "a red fish is swimming", "c": "Red fish"},
    corpus={
        "a": "red fish swims",
        "1": "a red fish  is swimming",
        "2": "A red fish is swimming",
        "3": "red fish",
        "4": "frog",
    },
    qrels={"a": {"1": 1, "2": 1, "3": 0}, "b": {"3": 1}, "c": {"4": 1, "3": 1}},
)
"""Each answer is the next question; one text has two ids, and the last query's own text is judged relevant."""


def standing_in_corpus(count: int) -> Retrieval:
    """Queries that are documents too, half of them under their own id; the next one is relevant."""
    texts = [f"word{n} word{n + 1} word{n + 2}" for n in range(count)]
    ids = [f"q{n}" if n % 2 else f"d{n}" for n in range(count)]
    qrels = {f"q{n}": {ids[(n + 1) % count]: 1} for n in range(0, count, 3)}
    queries = {query: texts[int(query[1:])] for query in qrels}
    return Retrieval(queries, dict(zip(ids, texts, strict=True)), qrels)


def test_the_documents_of_a_querys_text_are_its_own_unless_relevant() -> None:
    """In another case and spacing too, under two ids, and never one that is judged relevant; an equal id of another
    text is nothing but a number."""
    assert own_documents(CHAIN, ["a", "b", "c"]) == [{"a"}, {"1", "2"}, frozenset()]
    numbered = replace(CHAIN, queries={"4": "green"}, qrels={"4": {"1": 1, "4": 0}})
    assert own_documents(numbered, ["4"]) == [frozenset()]


@pytest.mark.parametrize("judged_by", ["model", "bm25"])
def test_a_query_does_not_find_itself(judged_by: str) -> None:
    """Neither the model nor BM25 puts the query's own text first: in so small a corpus it is at the end."""
    judged = judge(HashEncoder(64), CHAIN, CONFIG)[64] if judged_by == "model" else judge_bm25(CHAIN, CONFIG)
    assert judged.top[0] != CHAIN.queries["a"]
    assert judged.top[1] not in (CHAIN.corpus["1"], CHAIN.corpus["2"])
    assert judged.ranking is not None
    corpus = list(CHAIN.corpus)
    assert corpus[judged.ranking[0][-1]] == "a"
    assert {corpus[place] for place in judged.ranking[1][-2:]} == {"1", "2"}


@pytest.mark.parametrize("count", [20, 150])
def test_measures_are_those_of_a_corpus_without_the_query(count: int) -> None:
    """Each query alone, its own documents taken out of the corpus, has the same values, also past 100 documents."""
    data, encoder = standing_in_corpus(count), HashEncoder(16)
    judged = judge(encoder, data, CONFIG)[16]
    for place, (query, own) in enumerate(zip(judged.units, own_documents(data, judged.units), strict=True)):
        assert len(own) == 1
        corpus = {name: text for name, text in data.corpus.items() if name not in own}
        alone = Retrieval({query: data.queries[query]}, corpus, {query: data.qrels[query]})
        expected = judge(encoder, alone, CONFIG)[16].per_unit
        for measure, values in judged.per_unit.items():
            assert values[place] == pytest.approx(expected[measure][0]), (query, measure)


def test_a_hundred_documents_remain() -> None:
    """One more is asked for than is passed over, in the row that has its own documents and in the one that has none."""
    vectors = HashEncoder(8).encode([f"text {n}" for n in range(120)])
    matcher = VectorMatcher(vectors[:2], vectors)
    scores, ranking = best_others(matcher, [frozenset({0, 5}), frozenset()])
    assert ranking.shape == (2, 100)
    assert not {0, 5} & set(ranking[0].tolist())
    assert np.isfinite(scores).all()
    assert (np.diff(scores, axis=1) <= 0).all()
    np.testing.assert_array_equal(ranking[1], matcher.top_k(100)[1][1])
