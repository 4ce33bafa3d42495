from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from tests.fakes.hash_encoder import HashEncoder
from tests.unit.evaluate.table_encoder import TableEncoder
from vectune.config import EvaluateConfig
from vectune.evaluate.judge import judge, judge_bm25
from vectune.records import Scored, ScoredPair

CONFIG = EvaluateConfig()


def random_pairs(seed: int, count: int) -> Scored:
    random = np.random.default_rng(seed)
    texts = [" ".join(random.choice(list("abcdefgh"), size=4)) for _ in range(2 * count)]
    gold = random.integers(0, 6, size=count) / 5
    return Scored(tuple(ScoredPair(texts[2 * i], texts[2 * i + 1], float(gold[i])) for i in range(count)))


@pytest.mark.parametrize("seed", range(3))
def test_correlations_equal_scipys_with_ties(seed: int) -> None:
    """Spearman and Pearson of cosine against gold are scipy's, many equal scores included."""
    data, encoder = random_pairs(seed, 60), HashEncoder(16)
    judged = judge(encoder, data, CONFIG)[16]
    first, second = (encoder.encode(texts) for texts in zip(*((p.first, p.second) for p in data.pairs), strict=True))
    cosines, gold = (first * second).sum(axis=1), [pair.score for pair in data.pairs]
    assert judged.totals["spearman"] == pytest.approx(spearmanr(cosines.round(6), gold).statistic, abs=1e-3)
    assert judged.totals["pearson"] == pytest.approx(pearsonr(cosines, gold).statistic, abs=1e-6)
    assert judged.per_unit == {}
    assert judged.scores is not None
    np.testing.assert_allclose(judged.scores, cosines, atol=1e-6)


def test_each_distinct_text_is_encoded_once() -> None:
    """A text that stands in several pairs, on either side, is encoded one time."""
    pairs = (ScoredPair("a", "b", 1.0), ScoredPair("b", "a", 0.5), ScoredPair("a", "c", 0.0))
    encoder = TableEncoder({"a": [1, 0], "b": [1, 1], "c": [0, 1]})
    judge(encoder, Scored(pairs), CONFIG)
    assert [text for _, text in encoder.asked] == ["a", "b", "c"]


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_pairs_correlate_zero(count: int) -> None:
    """Without two pairs there is no correlation, and no warning either."""
    judged = judge(HashEncoder(8), random_pairs(0, count), CONFIG)[8]
    assert judged.totals == {"spearman": 0.0, "pearson": 0.0}


def test_a_constant_model_correlates_zero() -> None:
    """A model that finds all pairs equally similar scores 0, not NaN."""
    encoder = TableEncoder({"a": [1, 0], "b": [1, 0], "c": [1, 0]})
    pairs = (ScoredPair("a", "b", 1.0), ScoredPair("b", "c", 0.5), ScoredPair("a", "c", 0.0))
    assert judge(encoder, Scored(pairs), CONFIG)[2].totals == {"spearman": 0.0, "pearson": 0.0}


def test_bm25_scores_the_second_text_by_the_first() -> None:
    """More shared rare words give a higher BM25 score; no shared word gives 0."""
    pairs = (
        ScoredPair("red fish swims", "red fish swims", 1.0),
        ScoredPair("red car", "red boat", 0.5),
        ScoredPair("x", "y", 0.0),
    )
    judged = judge_bm25(Scored(pairs), CONFIG)
    assert judged.scores is not None
    assert judged.scores[0] > judged.scores[1] > judged.scores[2] == 0.0
    assert judged.totals["spearman"] == pytest.approx(1.0)
