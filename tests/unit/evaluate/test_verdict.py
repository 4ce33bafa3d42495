from __future__ import annotations

from dataclasses import replace

import pytest

from vectune.config import VerdictConfig
from vectune.evaluate.significance import Comparison
from vectune.evaluate.verdict import decide

CONFIG = VerdictConfig()
BETTER = Comparison("ndcg@10", 0.344, 0.508, 0.164, 0.13, 0.198, 0.0001, 0.05, 412, None)
WORSE = Comparison("ndcg@10", 0.5, 0.4, -0.1, -0.15, -0.05, 0.0001, 0.07, 412, None)
UNCLEAR = Comparison("ndcg@10", 0.5, 0.51, 0.01, -0.02, 0.04, 0.5, 0.043, 120, 2219)


@pytest.mark.parametrize(
    ("comparison", "general", "answer", "status"),
    [
        (BETTER, (0.80, 0.79), "ship", 0),
        (BETTER, (0.80, 0.77), "ship", 0),
        (BETTER, (0.80, 0.90), "ship", 0),
        (BETTER, (None, None), "ship", 0),
        (BETTER, (0.80, 0.76), "do not ship", 3),
        (WORSE, (0.80, 0.90), "do not ship", 3),
        (WORSE, (None, None), "do not ship", 3),
        (UNCLEAR, (0.80, 0.80), "undecided", 4),
        (UNCLEAR, (0.80, 0.70), "do not ship", 3),
        (replace(BETTER, low=0.0), (None, None), "undecided", 4),
        (replace(WORSE, high=0.0), (None, None), "undecided", 4),
        (replace(BETTER, p=0.05), (None, None), "ship", 0),
        (replace(BETTER, p=0.0501), (None, None), "undecided", 4),
        (replace(WORSE, p=0.0501), (None, None), "undecided", 4),
        (replace(WORSE, p=0.0501), (0.8, 0.1), "do not ship", 3),
        (replace(BETTER, p=0.0501, confidence=0.9), (None, None), "ship", 0),
        (replace(BETTER, queries=10), (None, None), "ship", 0),
        (replace(BETTER, queries=9), (None, None), "undecided", 4),
        (replace(BETTER, clusters=10), (None, None), "ship", 0),
        (replace(BETTER, clusters=9), (None, None), "undecided", 4),
        (replace(WORSE, queries=9), (None, None), "undecided", 4),
        (replace(BETTER, queries=9), (0.8, 0.1), "do not ship", 3),
        (replace(BETTER, queries=0), (None, None), "undecided", 4),
    ],
)
def test_the_rules(
    comparison: Comparison, general: tuple[float | None, float | None], answer: str, status: int
) -> None:
    """Every rule and its border: ends of zero or a larger p decide nothing, a drop of just what is allowed ships."""
    verdict = decide(comparison, {}, *general, CONFIG)
    assert (verdict.verdict, verdict.exit_status) == (answer, status)


def test_the_allowed_drop_is_the_configs() -> None:
    """What ships under one config does not under a stricter one."""
    assert decide(BETTER, {}, 0.8, 0.75, VerdictConfig(max_general_drop=0.06)).verdict == "ship"
    assert decide(BETTER, {}, 0.8, 0.799, VerdictConfig(max_general_drop=0.0)).verdict == "do not ship"


@pytest.mark.parametrize(
    ("comparison", "general", "parts"),
    [
        (BETTER, (0.8, 0.79), ["Ship: ndcg@10 goes from 0.344 to 0.508", "+0.164", "95 % interval +0.130 to +0.198"]),
        (BETTER, (0.8, 0.79), ["412 queries", "better than the base model", "0.800 to 0.790, no more than the drop"]),
        (BETTER, (0.8, 0.7), ["Do not ship: general ability goes from 0.800 to 0.700, more than the drop of 0.030"]),
        (WORSE, (None, None), ["Do not ship: ndcg@10", "worse than the base model"]),
        (UNCLEAR, (None, None), ["Undecided: ", "could be chance", "about 2,219 queries would decide"]),
        (
            replace(BETTER, p=0.125, queries_to_decide=500),
            (None, None),
            ["Undecided: ", "could be chance, since p is 0.1250 and 0.05 at most decides; about 500 queries"],
        ),
        (UNCLEAR, (None, None), ["with 120 queries a difference under 0.043 is mostly missed"]),
        (replace(BETTER, queries=199), (0.8, 0.79), ["with 199 queries a difference under 0.050 is mostly missed"]),
        (replace(UNCLEAR, measure="spearman"), (None, None), ["120 pairs", "about 2,219 pairs"]),
        (replace(UNCLEAR, measure="knn_accuracy"), (None, None), ["120 texts", "about 2,219 texts"]),
        (replace(UNCLEAR, queries_to_decide=None), (None, None), ["no difference was seen"]),
        (replace(UNCLEAR, queries_to_decide=10**9), (None, None), ["even 1,000,000 queries would not tell"]),
        (replace(BETTER, queries=3), (None, None), ["Undecided: 3 queries are too few to judge, at least 10"]),
        (replace(BETTER, queries=1), (None, None), ["1 query is too few"]),
        (replace(BETTER, confidence=0.9), (None, None), ["90 % interval"]),
        (replace(BETTER, clusters=60), (None, None), ["+0.198, 412 queries in 60 clusters of shared documents)"]),
        (replace(BETTER, clusters=60), (None, None), ["; with 60 clusters a difference under 0.050 is mostly"]),
        (replace(UNCLEAR, measure="pearson", clusters=60), (None, None), ["in 60 clusters of shared texts)"]),
        (replace(UNCLEAR, clusters=60), (None, None), ["about 2,219 queries in such clusters would decide"]),
        (
            replace(BETTER, clusters=1),
            (None, None),
            ["Undecided: 412 queries in 1 cluster of shared documents are too few to judge, at least 10 clusters are"],
        ),
    ],
)
def test_the_sentence_says_why(
    comparison: Comparison, general: tuple[float | None, float | None], parts: list[str]
) -> None:
    """The sentence holds the scores, the interval, the number of units and what decided; it ends with one full stop."""
    sentence = decide(comparison, {}, *general, CONFIG).sentence
    for part in parts:
        assert part in sentence
    assert sentence.endswith(".")
    assert not sentence.endswith("..")


def test_general_ability_is_not_spoken_of_when_it_was_not_measured() -> None:
    """No measurement, no word about it."""
    assert "general ability" not in decide(BETTER, {}, None, None, CONFIG).sentence


def test_targets_are_reached_or_missed_without_changing_the_answer() -> None:
    """Each target that was measured is held against the tuned model; reaching it exactly counts."""
    totals = {"recall@10": 0.95, "mrr@10": 0.7, "ndcg@10": 0.5}
    verdict = decide(BETTER, totals, None, None, CONFIG)
    assert verdict.targets == {"recall@10": True, "mrr@10": True, "ndcg@10": False}
    assert verdict.verdict == "ship"


def test_only_retrieval_has_targets() -> None:
    """Scored pairs have none of the measures; ranking by label has them but is another task."""
    assert decide(BETTER, {"spearman": 0.9}, None, None, CONFIG).targets == {}
    assert decide(BETTER, {"knn_accuracy": 0.9, "ndcg@10": 0.9}, None, None, CONFIG).targets == {}


def test_with_enough_queries_nothing_is_said_of_what_was_missed() -> None:
    """From 200 on the sentence stays short."""
    assert "mostly missed" not in decide(replace(BETTER, queries=200), {}, None, None, CONFIG).sentence
