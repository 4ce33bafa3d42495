"""The packaged everyday set: what general ability is measured on."""

from __future__ import annotations

import json
from collections import Counter
from importlib import resources
from typing import Any

import pytest

from vectune.data.normal import normal
from vectune.evaluate.general import general_set, guard_set

_SCORES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def _rows(name: str) -> list[dict[str, Any]]:
    text = (resources.files("vectune.evaluate") / "everyday" / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(("name", "columns", "count"), [
    ("retrieval.jsonl", ["query", "document", "topic"], 186),
    ("similarity.jsonl", ["first", "second", "score", "topic"], 144),
])  # fmt: skip
def test_every_row_is_well_formed(name: str, columns: list[str], count: int) -> None:
    """Each row has exactly its columns, its texts are trimmed and not empty, and no row is missing."""
    rows = _rows(name)
    assert len(rows) == count
    for row in rows:
        assert list(row) == columns
        assert all(text and text == text.strip() for column, text in row.items() if column != "score")


def test_retrieval_texts_are_unique_and_of_the_stated_length() -> None:
    """No query and no document comes twice, and documents have 15 to 45 words."""
    rows = _rows("retrieval.jsonl")
    assert len({normal(row["query"]) for row in rows}) == len(rows)
    assert len({normal(row["document"]) for row in rows}) == len(rows)
    assert all(15 <= len(row["document"].split()) <= 45 for row in rows)


def test_retrieval_topics_have_neighbours() -> None:
    """There are 25 topics or more, and each has four to seven documents that compete with one another."""
    topics = Counter(row["topic"] for row in _rows("retrieval.jsonl"))
    assert len(topics) >= 25
    assert all(4 <= count <= 7 for count in topics.values())


def test_similarity_scores_are_spread_evenly() -> None:
    """Each of the six grades from 0 to 1 has equally many pairs, on 20 topics or more."""
    rows = _rows("similarity.jsonl")
    assert Counter(row["score"] for row in rows) == dict.fromkeys(_SCORES, len(rows) // len(_SCORES))
    assert len({row["topic"] for row in rows}) >= 20


def test_similarity_texts_are_unique() -> None:
    """No sentence comes twice, on either side."""
    texts = [normal(row[side]) for row in _rows("similarity.jsonl") for side in ("first", "second")]
    assert len(set(texts)) == len(texts)


def test_word_overlap_does_not_give_the_scores_away() -> None:
    """Some unrelated pairs share more words than some paraphrases: the set asks for meaning."""
    shared: dict[float, list[float]] = {score: [] for score in _SCORES}
    for row in _rows("similarity.jsonl"):
        first, second = (set(normal(row[side]).rstrip(".").split()) for side in ("first", "second"))
        shared[row["score"]].append(len(first & second) / len(first | second))
    assert sum(value >= 0.2 for value in shared[0.0]) >= 5
    assert sum(value <= 0.2 for value in shared[1.0]) >= 8


def test_the_loaded_set_holds_every_row_and_its_ids_agree() -> None:
    """The loader keeps each query with its one document; ids in the judgements exist on both sides."""
    retrieval, similarity = general_set()
    rows = _rows("retrieval.jsonl")
    assert len(retrieval.queries) == len(retrieval.corpus) == len(rows)
    assert set(retrieval.qrels) == set(retrieval.queries)
    documents = {
        retrieval.queries[query]: [retrieval.corpus[document] for document in judged]
        for query, judged in retrieval.qrels.items()
    }
    assert documents == {row["query"]: [row["document"]] for row in rows}
    assert [pair.score for pair in similarity.pairs] == [row["score"] for row in _rows("similarity.jsonl")]


def test_the_guard_set_shares_no_text_with_the_judged_set() -> None:
    """What weights are chosen by is never what they are judged by; both sets are whole."""

    def texts(prefix: str) -> list[str]:
        found = [row[side] for row in _rows(f"{prefix}retrieval.jsonl") for side in ("query", "document")]
        found += [row[side] for row in _rows(f"{prefix}similarity.jsonl") for side in ("first", "second")]
        return [normal(text) for text in found]

    judged, guard = texts(""), texts("guard_")
    assert len(guard) == 2 * (100 + 80)
    assert len(set(guard)) == len(guard)
    assert not set(judged) & set(guard)


def test_the_guard_set_loads_as_its_own() -> None:
    """The guard's loader reads the guard's rows."""
    retrieval, similarity = guard_set()
    assert list(retrieval.queries.values()) == [row["query"] for row in _rows("guard_retrieval.jsonl")]
    assert [pair.first for pair in similarity.pairs] == [row["first"] for row in _rows("guard_similarity.jsonl")]
    assert Counter(pair.score for pair in similarity.pairs).keys() == set(_SCORES)
