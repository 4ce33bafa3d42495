from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.evaluate.judgements import by_pair, by_query
from vectune.config import EvaluateConfig
from vectune.evaluate.judged import Judged
from vectune.evaluate.resampling import bootstrap_counts, coin_flips
from vectune.evaluate.significance import compare, interval

QUICK = EvaluateConfig(resamples=400)
RANDOM = np.random.default_rng(0)
BASE, TUNED = RANDOM.random((2, 40))
GOLD = RANDOM.random(40)


def clustered(random: np.random.Generator, clusters: int, gain: float) -> tuple[Judged, Judged]:
    """Models whose difference is mostly that of the cluster: 1 to 9 phrasings of each question."""
    of_unit = np.repeat(np.arange(clusters), random.integers(1, 10, clusters))
    difference = gain + random.normal(0, 0.2, clusters)[of_unit] + random.normal(0, 0.05, len(of_unit))
    base = random.random(len(of_unit))
    return by_query(base, clusters=of_unit), by_query(base + difference, clusters=of_unit)


def test_where_each_query_is_a_cluster_the_draws_are_those_of_queries() -> None:
    """Interval, p and the smallest difference are to the bit what drawing and swapping plain queries gives."""
    difference, n = TUNED - BASE, len(BASE)
    drawn = np.concatenate([part @ difference / n for part in bootstrap_counts(n, 400, seed=0)])
    swaps = np.concatenate([(difference.sum() - 2 * (part @ difference)) / n for part in coin_flips(n, 400, seed=0)])
    for clusters in (None, np.arange(n)):
        found = compare(by_query(BASE, clusters=clusters), by_query(TUNED, clusters=clusters), "ndcg@10", QUICK)
        assert (found.low, found.high) == tuple(np.quantile(drawn, [(1 - 0.95) / 2, 1 - (1 - 0.95) / 2]))
        assert found.p == (np.sum(np.abs(swaps) >= abs(found.difference) - 1e-12) + 1) / 401
        assert found.smallest_detectable == pytest.approx(2.8016 * difference.std(ddof=1) / np.sqrt(n), rel=1e-4)
        assert (found.clusters, found.trials) == (None, 40)


@pytest.mark.parametrize("measure", ["spearman", "pearson"])
def test_where_each_pair_is_a_cluster_nothing_changes(measure: str) -> None:
    """Correlations have the same comparison with clusters of one pair each as without any."""
    alone = compare(by_pair(BASE, GOLD), by_pair(TUNED, GOLD), measure, QUICK)
    single = np.arange(40)
    assert compare(by_pair(BASE, GOLD, single), by_pair(TUNED, GOLD, single), measure, QUICK) == alone


def test_copies_of_queries_add_nothing() -> None:
    """Each query ten times, tied to its copies, has the interval and p of the query once; untied it claims more."""
    base, tuned, of_unit = (np.repeat(column, 10) for column in (BASE, TUNED, np.arange(40)))
    once = compare(by_query(BASE), by_query(TUNED), "ndcg@10", QUICK)
    tied = compare(by_query(base, clusters=of_unit), by_query(tuned, clusters=of_unit), "ndcg@10", QUICK)
    assert (tied.low, tied.high, tied.p) == pytest.approx((once.low, once.high, once.p))
    assert tied.smallest_detectable == pytest.approx(once.smallest_detectable)
    assert (tied.queries, tied.clusters, tied.trials) == (400, 40, 40)
    loose = compare(by_query(base), by_query(tuned), "ndcg@10", QUICK)
    assert loose.high - loose.low < 0.5 * (tied.high - tied.low)


def test_the_interval_of_clusters_covers_the_true_difference() -> None:
    """In 300 simulated runs it holds it in about 95 %; without the clusters it would in far fewer."""
    random, gain = np.random.default_rng(1), 0.05
    tied = loose = 0
    for _ in range(300):
        pair = clustered(random, 60, gain)
        found, naive = compare(*pair, "ndcg@10", QUICK), compare(*map(untied, pair), "ndcg@10", QUICK)
        tied += found.low <= gain <= found.high
        loose += naive.low <= gain <= naive.high
    assert 0.90 <= tied / 300 <= 0.98
    assert loose / 300 < 0.75


def untied(judged: Judged) -> Judged:
    """The same with each query a cluster of its own."""
    return replace(judged, clusters=None)


def test_p_is_even_when_there_is_no_difference() -> None:
    """Clusters of equally good models give p below .05 in about 5 % of the runs."""
    random, quick = np.random.default_rng(3), EvaluateConfig(resamples=200)
    p = np.array([compare(*clustered(random, 40, 0.0), "ndcg@10", quick).p for _ in range(300)])
    assert 0.015 <= np.mean(p <= 0.05) <= 0.09
    assert 0.40 <= np.mean(p <= 0.5) <= 0.60


def test_one_cluster_says_nothing() -> None:
    """Whatever the number of its queries: the interval is everything possible, of the difference and of each model."""
    one = np.zeros(40, dtype=np.int64)
    found = compare(by_query(BASE, clusters=one), by_query(TUNED, clusters=one), "ndcg@10", QUICK)
    assert (found.low, found.high, found.p, found.clusters) == (-1.0, 1.0, 1.0, 1)
    assert interval(by_query(BASE, clusters=one), "ndcg@10", QUICK) == (0.0, 1.0)


def test_one_models_interval_is_that_of_clusters_too() -> None:
    """Copies of queries do not make a score surer."""
    of_unit = np.repeat(np.arange(40), 10)
    tied = interval(by_query(np.repeat(BASE, 10), clusters=of_unit), "ndcg@10", QUICK)
    assert tied == pytest.approx(interval(by_query(BASE), "ndcg@10", QUICK))


def test_clusters_that_one_model_knows_hold_for_both() -> None:
    """A run that kept none is compared by those of the other, and a query without the measure leaves its cluster."""
    of_unit = np.array([0, 0, 1, 1, 2, 2])
    base, tuned = [0.1, np.nan, 0.2, 0.3, np.nan, np.nan], [0.2, 0.9, 0.4, 0.1, 0.5, 0.5]
    found = compare(by_query(base), by_query(tuned, clusters=of_unit), "ndcg@10", QUICK)
    assert (found.queries, found.clusters) == (3, 2)
