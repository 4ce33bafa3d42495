from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.hash_encoder import HashEncoder
from vectune.config import EvaluateConfig, TrainConfig
from vectune.evaluate.judge import judge
from vectune.monitor.metric_log import MetricLog, read_metrics
from vectune.records import Labelled, LabelledText, Retrieval, Scored, ScoredPair, Splits
from vectune.workflows.dev_score import DevLog, dev_scorer, few_queries, small_corpus


def _retrieval(count: int, extra: int = 0) -> Retrieval:
    return Retrieval(
        queries={f"q{n}": f"word{n} asked" for n in range(count)},
        corpus={f"d{n}": f"word{n} told" for n in range(count + extra)},
        qrels={f"q{n}": {f"d{n}": 1} for n in range(count)},
        negatives={f"q{n}": (f"d{(n + 1) % count}",) for n in range(count)},
    )


def _labelled(count: int) -> Labelled:
    return Labelled(tuple(LabelledText(f"word{n} {'ab'[n % 2]}", "ab"[n % 2], n) for n in range(count)))


def test_scorer_names_its_measure() -> None:
    """The scorer judges by the measure that decides, named by kind or by the config."""
    pairs = _retrieval(8)
    scored = Scored(tuple(ScoredPair(f"word{n}", f"word{n % 3}", n / 8, n) for n in range(8)))
    texts = _labelled(8)
    named = {
        "ndcg@10": dev_scorer(Splits(pairs, pairs, pairs), EvaluateConfig(), TrainConfig()),
        "mrr@10": dev_scorer(Splits(pairs, pairs, pairs), EvaluateConfig(measure="mrr@10"), TrainConfig()),
        "spearman": dev_scorer(Splits(scored, scored, scored), EvaluateConfig(), TrainConfig()),
        "knn_accuracy": dev_scorer(Splits(texts, texts, texts), EvaluateConfig(), TrainConfig()),
    }
    for measure, scorer in named.items():
        assert scorer is not None
        assert scorer.measure == measure
        assert -1 <= scorer(HashEncoder()) <= 1


def test_every_measure_is_written_beside_the_score(tmp_path: Path) -> None:
    """Of the model that was scored last; those of training are heard, the base is not; other events stay the same."""
    pairs = _retrieval(8)
    heard: list[Mapping[str, Any]] = []
    with MetricLog(tmp_path / "log") as file:
        log = DevLog(file, dev_scorer(Splits(pairs, pairs, pairs), EvaluateConfig(), TrainConfig()), heard.append)
        for step in (0, 3):
            log.write("dev", step=step, score=log.score(HashEncoder(seed=step)))
        log.write("train", step=4)
    base, tuned, train = read_metrics(tmp_path / "log")
    for entry, seed in ((base, 0), (tuned, 3)):
        expected = judge(HashEncoder(seed=seed), pairs, EvaluateConfig())[32].totals
        assert entry["measures"] == pytest.approx(dict(expected))
        assert {"ndcg@10", "recall@10", "recall@100", "mrr@10", "map@100"} <= entry["measures"].keys()
        assert entry["score"] == entry["measures"][entry["measure"]]
    assert [entry["step"] for entry in heard] == [3]
    assert heard[0]["measures"] == tuned["measures"]
    assert train == {"event": "train", "step": 4}


def test_dev_is_looked_through_once() -> None:
    """Asked many times, the scorer goes on with what it made of the data at first, and scores the same."""
    pairs = _retrieval(8)
    scorer = dev_scorer(Splits(pairs, pairs, pairs), EvaluateConfig(), TrainConfig())
    assert scorer is not None
    first, task = scorer(HashEncoder()), scorer._task
    assert scorer(HashEncoder()) == first
    assert scorer._task is task


def test_small_dev_selects_nothing() -> None:
    """Under four units there is no scorer."""
    whole, three = _retrieval(8), _retrieval(3)
    assert dev_scorer(Splits(whole, three, whole), EvaluateConfig(), TrainConfig()) is None
    assert dev_scorer(Splits(whole, _retrieval(4), whole), EvaluateConfig(), TrainConfig()) is not None


def test_scorer_is_cut_as_configured() -> None:
    """At most so many queries and documents are scored; of labelled texts, so many of train vote."""
    data = _retrieval(50, extra=100)
    train = TrainConfig(dev_queries=10, dev_corpus=40)
    scorer = dev_scorer(Splits(data, data, data), EvaluateConfig(), train)
    assert scorer is not None
    assert isinstance(scorer.dev, Retrieval)
    assert (len(scorer.dev), len(scorer.dev.corpus)) == (10, 40)
    texts = _labelled(90)
    scorer = dev_scorer(Splits(texts, _labelled(8), texts), EvaluateConfig(), train)
    assert scorer is not None
    assert scorer.reference is not None
    assert len(scorer.reference) == 40


def test_needed_documents_are_never_cut() -> None:
    """Relevant documents and hard negatives stay, also when they are more than the limit; others are drawn by hash."""
    data = _retrieval(20, extra=100)
    cut = small_corpus(data, 5)
    assert isinstance(cut, Retrieval)
    assert set(cut.corpus) == {f"d{n}" for n in range(20)}
    drawn = small_corpus(data, 30)
    assert isinstance(drawn, Retrieval)
    assert len(drawn.corpus) == 30
    assert drawn == small_corpus(data, 30)


def test_drawn_queries_depend_on_their_ids_alone() -> None:
    """The same queries are drawn whatever their order; their judgements and negatives come with them."""
    data = _retrieval(30)
    turned = Retrieval(dict(reversed(data.queries.items())), data.corpus, data.qrels, data.negatives)
    drawn, again = few_queries(data, 10), few_queries(turned, 10)
    assert isinstance(drawn, Retrieval)
    assert isinstance(again, Retrieval)
    assert drawn.queries == again.queries
    assert set(drawn.queries) == set(drawn.qrels) == set(drawn.negatives)
    assert few_queries(data, 30) is data
