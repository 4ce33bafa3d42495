from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from tests.unit.evaluate.judgements import by_pair, by_query
from vectune.config import EvaluateConfig
from vectune.errors import ConfigError
from vectune.evaluate.judged import Judged
from vectune.evaluate.significance import compare, interval

CONFIG = EvaluateConfig()
QUICK = EvaluateConfig(resamples=400)


def scores_of_queries(random: np.random.Generator, n: int, gain: float = 0.0) -> tuple[Judged, Judged]:
    """Two models whose per-query scores are correlated, skewed and between 0 and 1; tuned is better by `gain`."""
    base = random.beta(0.6, 0.8, n)
    return by_query(base), by_query(base + gain + random.normal(0, 0.2, n))


def scores_of_pairs(random: np.random.Generator, n: int, slopes: tuple[float, float]) -> tuple[Judged, Judged]:
    """Two models whose similarity follows gold with the given true correlations and shared noise."""
    gold, shared = random.normal(size=(2, n))
    noise = [np.sqrt(0.5) * (shared + own) for own in random.normal(size=(2, n))]
    base, tuned = (r * gold + np.sqrt(1 - r * r) * e for r, e in zip(slopes, noise, strict=True))
    return by_pair(base, gold), by_pair(tuned, gold)


def test_interval_equals_scipys_percentile_bootstrap() -> None:
    """scipy's bootstrap of the mean difference has the same ends but for the luck of the draw."""
    base, tuned = scores_of_queries(np.random.default_rng(0), 150, gain=0.05)
    difference = tuned.per_unit["ndcg@10"] - base.per_unit["ndcg@10"]
    witness = stats.bootstrap((difference,), np.mean, method="percentile", n_resamples=10_000, rng=1)
    found = compare(base, tuned, "ndcg@10", CONFIG)
    assert (found.low, found.high) == pytest.approx(tuple(witness.confidence_interval), abs=0.003)
    assert found.difference == pytest.approx(difference.mean())
    assert found.difference == pytest.approx(found.tuned - found.base)
    assert found.queries == 150


def test_correlation_interval_equals_resampling_pair_by_pair() -> None:
    """Weighted moments give what correlating each resample anew gives."""
    base, tuned = scores_of_pairs(np.random.default_rng(0), 120, (0.5, 0.7))
    random = np.random.default_rng(5)
    gold, first, second = base.gold, base.scores, tuned.scores
    assert gold is not None
    assert first is not None
    assert second is not None
    draws = [random.integers(0, 120, 120) for _ in range(4000)]
    slow = [np.corrcoef(second[d], gold[d])[0, 1] - np.corrcoef(first[d], gold[d])[0, 1] for d in draws]
    found = compare(base, tuned, "pearson", CONFIG)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])), abs=0.012)
    assert found.base == pytest.approx(np.corrcoef(first, gold)[0, 1])


def test_spearman_is_the_correlation_of_ranks() -> None:
    """The compared scores are scipy's Spearman, and any rising change of a model's scores changes nothing."""
    base, tuned = scores_of_pairs(np.random.default_rng(1), 80, (0.4, 0.6))
    found = compare(base, tuned, "spearman", QUICK)
    assert found.base == pytest.approx(stats.spearmanr(base.scores, base.gold).statistic)
    assert tuned.scores is not None
    assert tuned.gold is not None
    assert compare(base, by_pair(np.exp(tuned.scores), tuned.gold), "spearman", QUICK) == found


@pytest.mark.parametrize("n", [60, 250])
def test_the_interval_covers_the_true_difference_of_means(n: int) -> None:
    """In 400 simulated runs the 95 % interval holds the true difference about 95 % of the time."""
    random, gain = np.random.default_rng(n), 0.03
    covered = 0
    for _ in range(400):
        found = compare(*scores_of_queries(random, n, gain), "ndcg@10", QUICK)
        covered += found.low <= gain <= found.high
    assert 0.92 <= covered / 400 <= 0.98


def test_the_interval_covers_the_true_difference_of_correlations() -> None:
    """The same for Pearson's correlation, whose true values the simulation sets."""
    random = np.random.default_rng(7)
    covered = 0
    for _ in range(400):
        found = compare(*scores_of_pairs(random, 200, (0.5, 0.6)), "pearson", QUICK)
        covered += found.low <= 0.1 <= found.high
    assert 0.92 <= covered / 400 <= 0.98


@pytest.mark.parametrize("measure", ["ndcg@10", "pearson", "spearman"])
def test_p_is_even_when_there_is_no_difference(measure: str) -> None:
    """Where both models are equally good, p falls below .05 in about 5 % and below .5 in about half of the runs."""
    random = np.random.default_rng(3)
    p = []
    for _ in range(300):
        pair = scores_of_queries(random, 60) if measure == "ndcg@10" else scores_of_pairs(random, 60, (0.5, 0.5))
        p.append(compare(*pair, measure, EvaluateConfig(resamples=200)).p)
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.085
    assert 0.42 <= np.mean(np.array(p) <= 0.5) <= 0.58


def test_p_of_means_equals_trying_every_swap() -> None:
    """With 10 queries all 1,024 swaps can be tried; the draw comes near their share."""
    base, tuned = scores_of_queries(np.random.default_rng(8), 10, gain=0.1)
    difference = tuned.per_unit["ndcg@10"] - base.per_unit["ndcg@10"]
    swaps = np.array([abs((difference * signs).sum()) for signs in itertools.product([1, -1], repeat=10)])
    exact = np.mean(swaps >= abs(difference.sum()) - 1e-12)
    assert compare(base, tuned, "ndcg@10", CONFIG).p == pytest.approx(exact, abs=0.02)


def test_p_of_correlations_equals_swapping_pair_by_pair() -> None:
    """Swapping standardised scores by hand and correlating anew gives the same p."""
    base, tuned = scores_of_pairs(np.random.default_rng(2), 60, (0.4, 0.55))
    first, second = stats.zscore(base.scores), stats.zscore(tuned.scores)
    random, larger = np.random.default_rng(9), 0
    observed = np.corrcoef(second, tuned.gold)[0, 1] - np.corrcoef(first, tuned.gold)[0, 1]
    for _ in range(3000):
        swap = random.random(60) < 0.5
        a, b = np.where(swap, second, first), np.where(swap, first, second)
        larger += abs(np.corrcoef(b, tuned.gold)[0, 1] - np.corrcoef(a, tuned.gold)[0, 1]) >= abs(observed)
    assert compare(base, tuned, "pearson", CONFIG).p == pytest.approx(larger / 3000, abs=0.03)


def test_the_smallest_detectable_difference_is_detected_in_four_of_five_runs() -> None:
    """A true difference of that size gives an interval without zero about 80 % of the time."""
    random, found = np.random.default_rng(4), 0
    size = compare(*scores_of_queries(random, 20_000), "ndcg@10", QUICK).smallest_detectable * np.sqrt(20_000 / 100)
    for _ in range(300):
        found += compare(*scores_of_queries(random, 100, gain=size), "ndcg@10", QUICK).low > 0
    assert 0.74 <= found / 300 <= 0.87


def test_queries_to_decide_is_where_the_difference_becomes_detectable() -> None:
    """The smallest detectable difference shrinks with the root of the queries; at that number it is the observed."""
    found = compare(*scores_of_queries(np.random.default_rng(11), 50, gain=0.0), "ndcg@10", QUICK)
    assert found.low <= 0 <= found.high
    assert found.queries_to_decide is not None
    assert found.queries_to_decide > 50
    shrunk = found.smallest_detectable * np.sqrt(50 / found.queries_to_decide)
    assert shrunk == pytest.approx(abs(found.difference), rel=0.01)


def test_a_clear_difference_needs_no_more_queries() -> None:
    """Once the interval excludes zero there is nothing left to decide."""
    found = compare(*scores_of_queries(np.random.default_rng(6), 300, gain=0.2), "ndcg@10", QUICK)
    assert found.low > 0
    assert found.queries_to_decide is None
    assert found.p == pytest.approx(1 / 401)


def test_a_gain_on_four_of_ten_queries_does_not_decide() -> None:
    """The bootstrap leaves zero out, yet 2 of the 16 ways to swap the four give as much: more queries are needed."""
    found = compare(by_query([0.0] * 10), by_query([0.5] * 4 + [0.0] * 6), "ndcg@10", CONFIG)
    assert found.low > 0
    assert found.p == pytest.approx(1 / 8, abs=0.02)
    assert not found.decides
    assert found.queries_to_decide is not None
    assert found.queries_to_decide > 10
    assert compare(by_query([0.0] * 10), by_query([0.5] * 7 + [0.0] * 3), "ndcg@10", CONFIG).decides


def test_equal_models_are_undecided_with_p_one() -> None:
    """No difference on any query: a zero interval, p of 1 and no number of queries."""
    found = compare(by_query([0.3] * 20), by_query([0.3] * 20), "ndcg@10", QUICK)
    assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)
    assert found.smallest_detectable == 0.0
    assert found.queries_to_decide is None


def test_the_same_gain_on_every_query_has_an_interval_of_no_width() -> None:
    """Without variance the interval is the difference itself."""
    found = compare(by_query([0.25] * 20), by_query([0.5] * 20), "ndcg@10", QUICK)
    assert (found.low, found.high) == pytest.approx((0.25, 0.25))
    assert found.smallest_detectable == pytest.approx(0.0)


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_units_say_nothing(n: int) -> None:
    """The interval is everything possible, so that no verdict can follow, and no warning is given."""
    for base, tuned, measure, bound in (
        (by_query([0.1] * n), by_query([0.9] * n), "ndcg@10", 1.0),
        (by_pair([0.1] * n, [1.0] * n), by_pair([0.9] * n, [1.0] * n), "spearman", 2.0),
    ):
        found = compare(base, tuned, measure, QUICK)
        assert (found.low, found.high, found.p, found.queries) == (-bound, bound, 1.0, n)
        assert found.smallest_detectable == bound
        assert found.queries_to_decide is None
    assert interval(by_query([0.5] * n), "ndcg@10", QUICK) == (0.0, 1.0)
    assert interval(by_pair([0.5] * n, [0.5] * n), "pearson", QUICK) == (-1.0, 1.0)


@pytest.mark.parametrize("scores", [[0.5] * 12, list(range(12))])
def test_constant_gold_gives_no_correlation_and_no_warning(scores: list[float]) -> None:
    """All pairs scored alike: both correlations are 0 in every resample."""
    found = compare(by_pair(scores, [0.4] * 12), by_pair(scores[::-1], [0.4] * 12), "spearman", QUICK)
    assert (found.base, found.tuned, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 0.0, 1.0)


def test_units_without_the_measure_are_left_out_on_both_sides() -> None:
    """NaN in either model removes the unit from both, and the count says so."""
    base, tuned = by_query([0.1, np.nan, 0.3, 0.5]), by_query([0.2, 0.9, np.nan, 0.6])
    found = compare(base, tuned, "ndcg@10", QUICK)
    assert found.queries == 2
    assert (found.base, found.tuned) == pytest.approx((0.3, 0.4))
    assert interval(tuned, "ndcg@10", QUICK)[0] == pytest.approx(0.2)


def test_one_models_interval_is_the_bootstrap_of_its_own_score() -> None:
    """For means and for correlations alike, against scipy or resampling by hand."""
    random = np.random.default_rng(1)
    judged, _ = scores_of_queries(random, 150)
    witness = stats.bootstrap((judged.per_unit["ndcg@10"],), np.mean, method="percentile", n_resamples=10_000, rng=1)
    assert interval(judged, "ndcg@10", CONFIG) == pytest.approx(tuple(witness.confidence_interval), abs=0.006)
    _, pairs = scores_of_pairs(random, 100, (0.5, 0.7))
    assert pairs.scores is not None
    assert pairs.gold is not None
    draws = [random.integers(0, 100, 100) for _ in range(4000)]
    slow = [np.corrcoef(pairs.scores[d], pairs.gold[d])[0, 1] for d in draws]
    assert interval(pairs, "pearson", CONFIG) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])), abs=0.012)


def test_the_same_seed_gives_the_same_comparison_and_a_wider_confidence_a_wider_interval() -> None:
    """Seeds make it repeatable; confidence sets the width."""
    pair = scores_of_queries(np.random.default_rng(0), 40)
    assert compare(*pair, "ndcg@10", QUICK) == compare(*pair, "ndcg@10", QUICK)
    narrow, wide = (compare(*pair, "ndcg@10", EvaluateConfig(resamples=400, confidence=c)) for c in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high
    assert (narrow.confidence, wide.confidence) == (0.8, 0.99)
    assert compare(*pair, "ndcg@10", EvaluateConfig(resamples=400, seed=1)) != compare(*pair, "ndcg@10", QUICK)


def test_models_judged_on_other_units_are_not_compared() -> None:
    """Our own invariant: units and given scores are the same on both sides."""
    with pytest.raises(ValueError, match="not judged on the same units"):
        compare(by_query([0.1, 0.2]), by_query([0.1]), "ndcg@10", QUICK)
    with pytest.raises(ValueError, match="not judged against the same scores"):
        compare(by_pair([0.1, 0.2], [0.0, 1.0]), by_pair([0.1, 0.2], [1.0, 0.0]), "spearman", QUICK)


@pytest.mark.parametrize("measure", ["probe_accuracy", "spearman"])
def test_a_measure_that_was_not_measured_is_named(measure: str) -> None:
    """Asking for it is the user's fault and says so."""
    with pytest.raises(ConfigError, match=f"'{measure}' was not measured"):
        compare(by_query([0.1, 0.2]), by_query([0.1, 0.2]), measure, QUICK)


def test_memory_stays_small_with_many_queries() -> None:
    """100,000 queries take under 200 MB beside the scores: resamples come in chunks."""
    base, tuned = scores_of_queries(np.random.default_rng(0), 100_000)
    tracemalloc.start()
    compare(base, tuned, "ndcg@10", EvaluateConfig(resamples=100))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200e6
