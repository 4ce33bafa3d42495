from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.fakes.hash_encoder import HashEncoder
from vectune.config import EvaluateConfig
from vectune.errors import ConfigError
from vectune.monitor.progress import Silent
from vectune.records import Retrieval
from vectune.workflows.judging import Exam, Judgement, judge_all

DATA = Retrieval(
    queries={f"q{n}": f"word{n} word{n + 1}" for n in range(20)},
    corpus={f"d{n}": f"word{n} word{n + 1} told{n}" for n in range(30)},
    qrels={f"q{n}": {f"d{n}": 1} for n in range(20)},
)


class Stages(Silent):
    """Remembers the stages and what was counted in them."""

    def __init__(self) -> None:
        self.counted: dict[str, int] = {}
        self.totals: dict[str, int | None] = {}

    def stage(self, name: str, total: int | None = None) -> None:
        assert name not in self.totals, f"{name} is begun twice"
        self.totals[name], self.counted[name] = total, 0

    def advance(self, amount: int = 1, **values: float) -> None:
        self.counted[list(self.counted)[-1]] += amount


def _judge(progress: Silent | None = None, data: Retrieval = DATA, **settings: object) -> Judgement:
    config = EvaluateConfig.model_validate({"resamples": 200, **settings})
    encoders = {"base": HashEncoder(seed=1, name="one"), "tuned": HashEncoder(seed=2, name="one")}
    return judge_all(encoders, Exam(data, None, (16, 64), config), progress or Silent())


def test_each_stage_is_named_once_and_filled() -> None:
    """Each model is judged in one stage under its part in the comparison; what is counted fills its bar."""
    stages = Stages()
    _judge(stages)
    assert list(stages.totals) == ["judge base", "judge tuned", "judge bm25", "general ability", "compare"]
    assert stages.totals["judge base"] == stages.counted["judge base"] == 50
    assert stages.totals["general ability"] == stages.counted["general ability"] == 2


def test_verdict_is_plain_json() -> None:
    """The content of verdict.json survives JSON and agrees with itself."""
    content = json.loads(json.dumps(_judge(general=False).as_json(), allow_nan=False))
    assert content["base"] == content["measures"]["base"]["32"]["ndcg@10"]
    assert content["tuned"] == content["measures"]["tuned"]["32"]["ndcg@10"]
    assert content["dims"] == [32, 16]
    assert set(content["intervals"]) == {"base", "tuned", "bm25"}
    assert content["general"] is None
    assert content["queries"] == 20
    assert content["targets"]["recall@10"]["reached"] == (content["measures"]["tuned"]["32"]["recall@10"] >= 0.9)


def test_unit_scores_are_of_everyone() -> None:
    """Scores of each query are there for each model at each dimension, and for BM25."""
    parts = _judge(general=False).unit_scores()
    assert [(part.model, part.dim) for part in parts] == [
        ("base", 32), ("base", 16), ("tuned", 32), ("tuned", 16), ("bm25", 0),
    ]  # fmt: skip
    assert all(part.units == tuple(DATA.queries) for part in parts)


def test_examples_carry_their_texts() -> None:
    """Wins and losses are as many as configured at most, with the query's text."""
    examples = _judge(general=False, examples=3).examples_as_json()
    assert set(examples) == {"wins", "losses"}
    for example in (*examples["wins"], *examples["losses"]):
        assert example["query"] == DATA.queries[example["unit"]]
    assert max(map(len, examples.values())) <= 3


def test_wrong_measure_is_refused_before_any_work() -> None:
    """A measure that the data does not have ends the judging before a text is encoded."""
    stages = Stages()
    with pytest.raises(ConfigError, match="spearman"):
        _judge(stages, measure="spearman")
    assert stages.totals == {}


def test_the_number_of_clusters_stands_beside_the_queries() -> None:
    """Twenty queries with ten documents are ten trials in verdict.json and in what is kept of each query."""
    twice = replace(DATA, qrels={f"q{n}": {f"d{n // 2}": 1} for n in range(20)})
    judged = _judge(general=False, data=twice)
    assert (judged.as_json()["queries"], judged.as_json()["clusters"]) == (20, 10)
    assert "20 queries in 10 clusters of shared documents" in judged.verdict.sentence
    for part in judged.unit_scores():
        assert part.clusters is not None
        assert part.clusters.tolist() == [n // 2 for n in range(20)]
    assert _judge(general=False).as_json()["clusters"] is None


def test_verdict_names_the_exam_and_its_order() -> None:
    """The same rows in another order are the same exam; that they stand in another order shows beside it."""
    turned = replace(DATA, queries=dict(reversed(DATA.queries.items())))
    first, again, other = (_judge(general=False, data=data).as_json() for data in (DATA, DATA, turned))
    assert first["judged_on"] == other["judged_on"]
    assert first["judged_in_order"] == again["judged_in_order"] != other["judged_in_order"]
