from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.hash_encoder import HashEncoder
from vectune.config import EvaluateConfig
from vectune.evaluate.general import general_ability, general_set, load_general_set
from vectune.evaluate.judge import judge
from vectune.records import ScoredPair

RETRIEVAL = [
    {"query": "boil an egg", "document": "put the egg in water", "topic": "cooking"},
    {"query": "egg time", "document": "put the egg in water", "topic": "cooking"},
    {"query": "fix a tyre", "document": "mend the tyre with a patch", "topic": "bikes"},
]
SIMILARITY = [
    {"first": "a red car", "second": "a red car", "score": 1.0, "topic": "traffic"},
    {"first": "a red car", "second": "a blue car", "score": 0.5, "topic": "traffic"},
    {"first": "a red car", "second": "soup tonight", "score": 0, "topic": "food"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, rows in (("retrieval", RETRIEVAL), ("similarity", SIMILARITY)):
        lines = "\n".join(json.dumps(row) for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines + "\n\n", encoding="utf-8")
    return tmp_path


def test_rows_become_a_corpus_of_distinct_documents_and_scored_pairs(folder: Path) -> None:
    """Equal documents are one; every query has its one relevant document; scores are numbers."""
    retrieval, similarity = load_general_set(folder)
    assert list(retrieval.corpus.values()) == ["put the egg in water", "mend the tyre with a patch"]
    for row, (name, query) in zip(RETRIEVAL, retrieval.queries.items(), strict=True):
        assert query == row["query"]
        assert [retrieval.corpus[document] for document in retrieval.qrels[name]] == [row["document"]]
    assert similarity.pairs[2] == ScoredPair("a red car", "soup tonight", 0.0, 3)


def test_the_score_is_the_mean_of_ndcg_and_spearman(folder: Path) -> None:
    """General ability is what judging the two sets gives, each counting half."""
    everyday, encoder, config = load_general_set(folder), HashEncoder(16), EvaluateConfig()
    found = general_ability(encoder, config, everyday=everyday)
    assert found.retrieval == judge(encoder, everyday[0], config)[16].totals["ndcg@10"]
    assert found.similarity == judge(encoder, everyday[1], config)[16].totals["spearman"] == pytest.approx(1.0)
    assert found.score == pytest.approx((found.retrieval + found.similarity) / 2)


def test_the_packaged_set_is_large_and_sound() -> None:
    """At least 200 items come with the package; every query has its document and scores span 0 to 1."""
    retrieval, similarity = general_set()
    assert len(retrieval) + len(similarity) >= 200
    assert all(sum(grades.values()) == 1 for grades in retrieval.qrels.values())
    assert len({pair.score for pair in similarity.pairs}) > 2
    assert all(0 <= pair.score <= 1 for pair in similarity.pairs)


def test_the_packaged_set_is_what_is_measured_when_no_other_is_given() -> None:
    """Without a set of one's own, general ability is that on the packaged one."""
    encoder, config = HashEncoder(64), EvaluateConfig()
    assert general_ability(encoder, config) == general_ability(encoder, config, everyday=general_set())
