from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from ir_measures import AP, RR, R, Success, nDCG

from tests.unit.evaluate.table_encoder import TableEncoder
from vectune.config import EvaluateConfig
from vectune.evaluate.judge import judge, judge_bm25
from vectune.evaluate.judged import Judged
from vectune.records import Kind, Retrieval, Role

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
CONFIG = EvaluateConfig()
WITNESS = {
    **{f"recall@{k}": R @ k for k in (1, 5, 10, 100)},
    **{f"hit@{k}": Success @ k for k in (1, 5, 10, 100)},
    "mrr@10": RR,
    "ndcg@10": nDCG @ 10,
    "map@100": AP @ 100,
}


def random_set(seed: int, documents: int) -> tuple[Retrieval, TableEncoder]:
    """Vectors of few values, so that many documents tie; grades 0 to 3; ids whose order is not the corpus order."""
    random = np.random.default_rng(seed)
    ids = [f"doc{number}" for number in random.permutation(documents)]
    corpus = {name: f"text of {name}" for name in ids}
    queries = {f"q{number}": f"query {number}" for number in range(25)}
    qrels = {}
    for name in queries:
        judged = random.choice(ids, size=min(documents, int(random.integers(1, 40))), replace=False)
        qrels[name] = {str(document): int(random.choice([0, 1, 2, 3], p=[0.4, 0.3, 0.2, 0.1])) for document in judged}
    signs = random.choice([-1.0, 1.0], size=(len(corpus) + len(queries), 4))
    table = dict(zip([*corpus.values(), *queries.values()], signs, strict=True))
    return Retrieval(queries, corpus, qrels), TableEncoder(table)


def witness_values(data: Retrieval, judged: Judged, encoder: TableEncoder) -> dict[tuple[str, str], float]:
    """trec_eval's numbers for the scores as they are: its own order among documents of equal score."""
    queries = encoder.encode([data.queries[unit] for unit in judged.units], Role.QUERY)
    scores = queries @ encoder.encode(list(data.corpus.values())).T
    run = {
        unit: dict(zip(data.corpus, row.tolist(), strict=True)) for unit, row in zip(judged.units, scores, strict=True)
    }
    names = {measure: name for name, measure in WITNESS.items()}
    found = ir_measures.iter_calc(list(names), {unit: dict(data.qrels[unit]) for unit in judged.units}, run)
    values = {(names[metric.measure], metric.query_id): metric.value for metric in found}
    # ir-measures takes RR@10 from elsewhere, with another order of ties: trec_eval's recip_rank is cut here.
    return {key: value if key[0] != "mrr@10" or value >= 0.1 else 0.0 for key, value in values.items()}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("documents", [7, 60, 300])
def test_every_measure_equals_trec_eval_on_random_runs_with_ties(seed: int, documents: int) -> None:
    """ir-measures, the second witness, gives the same number for every measure and query."""
    data, encoder = random_set(seed, documents)
    judged = judge(encoder, data, CONFIG)[4]
    witness = witness_values(data, judged, encoder)
    assert set(judged.per_unit) == set(WITNESS)
    for name, values in judged.per_unit.items():
        expected = [witness[name, unit] for unit in judged.units]
        np.testing.assert_allclose(values, expected, atol=1e-9, err_msg=name)
        assert judged.totals[name] == pytest.approx(np.mean(expected))


def test_queries_without_a_relevant_document_are_left_out_and_counted() -> None:
    """A query with no judgement and one judged only 0 are no units, and are not encoded."""
    data = Retrieval(
        queries={"a": "qa", "b": "qb", "c": "qc"},
        corpus={"x": "dx", "y": "dy"},
        qrels={"a": {"x": 1}, "b": {"y": 0}},
    )
    encoder = TableEncoder({"qa": [1, 0], "qb": [1, 0], "qc": [1, 0], "dx": [1, 0], "dy": [0, 1]})
    judged = judge(encoder, data, CONFIG)[2]
    assert judged.units == ("a",)
    assert judged.left_out == 2
    assert sorted(encoder.asked) == [(Role.DOCUMENT, "dx"), (Role.DOCUMENT, "dy"), (Role.QUERY, "qa")]


def test_nothing_to_judge_scores_zero_without_a_warning() -> None:
    """No query with a relevant document gives no units, totals of 0 and every query left out."""
    data = Retrieval(queries={"a": "qa"}, corpus={"x": "dx"}, qrels={})
    judged = judge(TableEncoder({"qa": [1.0], "dx": [1.0]}), data, CONFIG)[1]
    assert judged.units == ()
    assert judged.left_out == 1
    assert set(judged.totals.values()) == {0.0}


def test_the_text_each_query_found_first_is_kept() -> None:
    """`top` names the best document's text and `ranking` its place in the corpus."""
    data = Retrieval({"a": "qa"}, {"x": "dx", "z": "dz", "y": "dy"}, {"a": {"x": 1}})
    judged = judge(TableEncoder({"qa": [0, 1], "dx": [1, 0], "dz": [1, 2], "dy": [0, 1]}), data, CONFIG)[2]
    assert judged.top == ("dy",)
    assert judged.ranking is not None
    assert judged.ranking.tolist() == [[2, 1, 0]]


def test_bm25_finds_only_documents_that_share_a_word() -> None:
    """A relevant document without a shared word is not found, though the corpus is small enough to list it."""
    data = Retrieval({"a": "red fish", "b": "blue"}, {"x": "a red fish", "y": "green"}, {"a": {"x": 1}, "b": {"y": 1}})
    judged = judge_bm25(data, CONFIG)
    assert judged.per_unit["recall@100"].tolist() == [1.0, 0.0]


def test_triplets_have_their_accuracy_beside_the_ranking_measures() -> None:
    """Triplet accuracy is the decisive measure's column; a query whose negatives were all dropped has none."""
    data = Retrieval(
        queries={"a": "qa", "b": "qb", "c": "qc"},
        corpus={"x": "dx", "y": "dy"},
        qrels={"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1}},
        negatives={"a": ("y",), "b": ("y",)},
        kind=Kind.TRIPLETS,
    )
    encoder = TableEncoder({"qa": [1, 0], "qb": [0, 1], "qc": [2, 1], "dx": [1, 0], "dy": [0, 1]})
    judged = judge(encoder, data, CONFIG)[2]
    np.testing.assert_array_equal(judged.per_unit["triplet_accuracy"], [1.0, 0.0, np.nan])
    assert judged.totals["triplet_accuracy"] == 0.5
    assert judged.totals["hit@1"] == pytest.approx(2 / 3)
    assert "triplet_accuracy" not in judge(encoder, replace(data, kind=Kind.PAIRS), CONFIG)[2].totals


def read_beir(folder: Path) -> Retrieval:
    def rows(name: str) -> list[dict[str, str]]:
        return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]

    qrels: dict[str, dict[str, int]] = {}
    with (folder / "qrels" / "test.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            qrels.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    queries = {row["_id"]: row["text"] for row in rows("queries.jsonl") if row["_id"] in qrels}
    corpus = {row["_id"]: f"{row.get('title', '')} {row['text']}".strip() for row in rows("corpus.jsonl")}
    return Retrieval(queries, corpus, qrels)


@pytest.mark.skipif(not (DATA / "covidqa").is_dir(), reason="the data is not at hand")
def test_bm25_is_as_good_as_bm25_is_elsewhere() -> None:
    """On biomedical questions our BM25 scores what another BM25 was measured to score: nDCG@10 of .676 (+-.02)."""
    judged = judge_bm25(read_beir(DATA / "covidqa"), CONFIG)
    assert judged.totals["ndcg@10"] == pytest.approx(0.676, abs=0.02)
