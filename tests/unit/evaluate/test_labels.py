from __future__ import annotations

import ir_measures
import numpy as np
import pytest
from ir_measures import AP, RR, R, nDCG
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from tests.fakes.hash_encoder import HashEncoder
from tests.unit.evaluate.table_encoder import TableEncoder
from vectune.config import EvaluateConfig
from vectune.evaluate.judge import judge, judge_bm25
from vectune.records import Labelled, LabelledText

CONFIG = EvaluateConfig(neighbours=5)
LABELS = ("card", "loan", "fee")


def random_texts(seed: int, count: int) -> Labelled:
    """Texts of a label share some words, and no two texts are equal."""
    random = np.random.default_rng(seed)
    rows = []
    for place in range(count):
        label = LABELS[place % 3]
        words = random.choice([*(f"{label}{i}" for i in range(4)), *(f"other{i}" for i in range(12))], size=4)
        rows.append(LabelledText(" ".join([*words, f"n{seed}x{place}"]), label, place))
    return Labelled(tuple(rows))


def matrix(encoder: HashEncoder, data: Labelled) -> np.ndarray:
    return encoder.encode([text.text for text in data.texts])


def test_knn_and_probe_equal_scikit_learns() -> None:
    """Against a reference, both accuracies are scikit-learn's, text by text."""
    data, reference, encoder = random_texts(1, 60), random_texts(2, 150), HashEncoder(24)
    judged = judge(encoder, data, CONFIG, reference=reference)[24]
    own, known = matrix(encoder, data), matrix(encoder, reference)
    labels, truth = [t.label for t in reference.texts], np.array([t.label for t in data.texts])
    knn = KNeighborsClassifier(5, metric="cosine", weights=lambda distance: np.maximum(1 - distance, 0))
    line = LogisticRegression(max_iter=200)
    for name, model in (("knn_accuracy", knn), ("probe_accuracy", line)):
        np.testing.assert_array_equal(judged.per_unit[name], model.fit(known, labels).predict(own) == truth)


def test_without_a_reference_every_text_is_judged_by_the_others() -> None:
    """Leave-one-out equals judging each text alone against the rest, and there is no probe."""
    data, encoder = random_texts(3, 30), HashEncoder(24)
    judged = judge(encoder, data, CONFIG)[24]
    assert "probe_accuracy" not in judged.totals
    for place, text in enumerate(data.texts):
        rest = Labelled(data.texts[:place] + data.texts[place + 1 :])
        alone = judge(encoder, Labelled((text,)), CONFIG, reference=rest)[24]
        for name in ("knn_accuracy", "ndcg@10", "map@100", "recall@5", "mrr@10"):
            assert judged.per_unit[name][place] == pytest.approx(alone.per_unit[name][0]), (name, place)
        assert judged.top[place] == alone.top[0]


def test_a_text_never_finds_itself_among_equal_texts() -> None:
    """With more equal texts than are ranked, no text stands in its own ranking and every ranking is full."""
    data = Labelled(tuple(LabelledText("same", "x") for _ in range(150)))
    judged = judge(TableEncoder({"same": [1.0, 0.0]}), data, CONFIG)[2]
    assert judged.ranking is not None
    assert judged.ranking.shape == (150, 100)
    assert not (judged.ranking == np.arange(150)[:, None]).any()
    assert judged.ranking[149].tolist() == list(range(100))
    assert judged.totals["knn_accuracy"] == 1.0


@pytest.mark.parametrize("with_reference", [True, False])
def test_label_retrieval_equals_trec_eval(with_reference: bool) -> None:
    """With over 100 relevant texts a query, recall, MAP, MRR and nDCG are trec_eval's."""
    data, encoder = random_texts(4, 360), HashEncoder(24)
    reference = random_texts(5, 390) if with_reference else None
    judged = judge(encoder, data, CONFIG, reference=reference)[24]
    known = (reference or data).texts
    assert judged.ranking is not None
    run = {
        unit: {str(place): float(-rank) for rank, place in enumerate(row)}
        for unit, row in zip(judged.units, judged.ranking.tolist(), strict=True)
    }
    qrels = {
        unit: {
            str(place): 1
            for place, other in enumerate(known)
            if other.label == data.texts[int(unit)].label and (with_reference or place != int(unit))
        }
        for unit in judged.units
    }
    names = {R @ 10: "recall@10", R @ 100: "recall@100", AP @ 100: "map@100", RR @ 10: "mrr@10", nDCG @ 10: "ndcg@10"}
    for metric in ir_measures.iter_calc(list(names), qrels, run):
        assert judged.per_unit[names[metric.measure]][int(metric.query_id)] == pytest.approx(metric.value, abs=1e-9)


def test_a_label_that_the_reference_lacks_is_wrong_and_in_no_ranking_measure() -> None:
    """kNN can't know the label; ranking has nothing to find, so the text is counted as left out."""
    data = Labelled((LabelledText("a", "known"), LabelledText("b", "new")))
    reference = Labelled((LabelledText("a2", "known"), LabelledText("b2", "other")))
    encoder = TableEncoder({"a": [1, 0], "a2": [1, 0], "b": [0, 1], "b2": [0, 1]})
    judged = judge(encoder, data, CONFIG, reference=reference)[2]
    assert judged.per_unit["knn_accuracy"].tolist() == [1.0, 0.0]
    np.testing.assert_array_equal(judged.per_unit["ndcg@10"], [1.0, np.nan])
    assert judged.totals["ndcg@10"] == 1.0
    assert judged.left_out == 1


def test_a_reference_of_one_label_has_no_probe() -> None:
    """A line needs two classes."""
    reference = Labelled((LabelledText("a", "x"), LabelledText("b", "x")))
    judged = judge(HashEncoder(8), reference, CONFIG, reference=reference)[8]
    assert "probe_accuracy" not in judged.totals
    assert judged.totals["knn_accuracy"] == 1.0


def test_bm25_votes_by_shared_words() -> None:
    """BM25's neighbours vote with their scores; a text that shares no word with any is wrong."""
    reference = Labelled((LabelledText("red fish", "fish"), LabelledText("blue bird", "bird")))
    data = Labelled((LabelledText("a fish", "fish"), LabelledText("my bird", "bird"), LabelledText("zebra", "fish")))
    judged = judge_bm25(data, CONFIG, reference=reference)
    assert judged.per_unit["knn_accuracy"].tolist() == [1.0, 1.0, 0.0]
    assert "probe_accuracy" not in judged.totals


def test_more_neighbours_than_are_ranked_all_vote() -> None:
    """150 neighbours vote though only 100 are kept as the ranking: the 101st on outvotes the nearest 60."""
    texts = {f"near{i}": [1.0, 0.001 * i] for i in range(60)} | {f"far{i}": [0.9, 0.4 + 0.0001 * i] for i in range(90)}
    reference = Labelled(tuple(LabelledText(text, text.rstrip("0123456789")) for text in texts))
    data = Labelled((LabelledText("query", "far"),))
    encoder = TableEncoder({"query": [1.0, 0.0], **texts})
    judged = judge(encoder, data, EvaluateConfig(neighbours=150), reference=reference)[2]
    assert judged.totals["knn_accuracy"] == 1.0
    assert judged.ranking is not None
    assert judged.ranking.shape == (1, 100)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_texts_to_have_neighbours_score_zero(count: int) -> None:
    """No text, or one text without others, is no error."""
    data = Labelled(tuple(LabelledText("a", "x") for _ in range(count)))
    judged = judge(HashEncoder(8), data, CONFIG)[8]
    assert set(judged.totals.values()) == {0.0}
    assert len(judged.units) == count
