from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.hash_encoder import HashEncoder
from tests.unit.evaluate.stage_log import StageLog
from tests.unit.evaluate.table_encoder import TableEncoder
from vectune.config import EvaluateConfig
from vectune.encode.dims import truncate
from vectune.encode.encoder import Encoder, Vectors
from vectune.errors import ConfigError, ModelError
from vectune.evaluate.judge import judge, judge_bm25, judge_by, task_of
from vectune.evaluate.measures import MEASURES
from vectune.records import Dataset, Kind, Labelled, LabelledText, Retrieval, Role, Scored, ScoredPair

CONFIG = EvaluateConfig()
PAIRS = Retrieval(
    queries={"a": "red fish", "b": "blue bird sky"},
    corpus={"x": "the red fish swims", "y": "a blue bird", "z": "green frog"},
    qrels={"a": {"x": 2}, "b": {"y": 1, "z": 1}},
    negatives={"a": ("z",), "b": ("x",)},
)
TRIPLETS = Retrieval(PAIRS.queries, PAIRS.corpus, PAIRS.qrels, PAIRS.negatives, Kind.TRIPLETS)
SCORED = Scored((ScoredPair("red fish", "a red fish", 1.0), ScoredPair("red fish", "frog", 0.0)))
LABELLED = Labelled(tuple(LabelledText(f"{label} {i}", label) for i in range(4) for label in ("cat", "dog")))


class CutEncoder:
    """A model whose full vectors are the first `dim` values of another model's."""

    def __init__(self, inner: HashEncoder, dim: int) -> None:
        self.name, self.dim, self._inner = "cut", dim, inner
        self.count_tokens = inner.count_tokens

    def encode(self, texts: list[str], role: Role = Role.DOCUMENT, progress: object = None) -> Vectors:
        return truncate(self._inner.encode(texts, role), self.dim)


@pytest.mark.parametrize("data", [PAIRS, TRIPLETS, SCORED, LABELLED], ids=lambda data: data.kind.value)
def test_every_kind_has_its_measures_and_units_for_model_and_bm25(data: Dataset) -> None:
    """A model has the measures of the kind, BM25 the same but the probe, and both have the same units."""
    reference = LABELLED if isinstance(data, Labelled) else None
    judged = judge(HashEncoder(16), data, CONFIG, reference=reference)[16]
    bm25 = judge_bm25(data, CONFIG, reference=reference)
    assert set(judged.totals) == set(MEASURES[data.kind])
    assert set(bm25.totals) == set(MEASURES[data.kind]) - {"probe_accuracy"}
    assert judged.units == bm25.units
    assert judged.kind == bm25.kind == data.kind


@pytest.mark.parametrize("data", [PAIRS, TRIPLETS, SCORED, LABELLED], ids=lambda data: data.kind.value)
def test_a_smaller_dimension_is_judged_like_a_smaller_model(data: Dataset) -> None:
    """Judging at 4 dimensions equals judging a model whose full vectors are those 4, normalised again."""
    inner = HashEncoder(16)
    judged = judge(inner, data, CONFIG, dims=(4, 16, 4))
    assert list(judged) == [16, 4]
    smaller: Encoder = CutEncoder(inner, 4)  # type: ignore[assignment]
    assert judged[4].totals == pytest.approx(judge(smaller, data, CONFIG)[4].totals)
    assert judged[16].totals == pytest.approx(judge(inner, data, CONFIG)[16].totals)


def test_texts_are_encoded_once_whatever_the_number_of_dimensions() -> None:
    """Queries are asked for as queries, documents as documents, each one time."""
    table = {text: [1.0, 0.5, 0.1] for text in (*PAIRS.queries.values(), *PAIRS.corpus.values())}
    encoder = TableEncoder(table)
    judge(encoder, PAIRS, CONFIG, dims=(1, 2))
    expected = [(Role.QUERY, t) for t in PAIRS.queries.values()] + [(Role.DOCUMENT, t) for t in PAIRS.corpus.values()]
    assert sorted(encoder.asked) == sorted(expected)


def test_progress_counts_every_text() -> None:
    """One stage with the number of texts as its total, all of them done at the end."""
    progress = StageLog()
    judge(HashEncoder(8), PAIRS, CONFIG, progress=progress)
    assert progress.stages == [["judge hash-encoder", 5, 5]]


@pytest.mark.parametrize("dim", [0, 9])
def test_a_dimension_the_model_lacks_is_refused(dim: int) -> None:
    """The message says how long the model's vectors are, the hint what is allowed."""
    with pytest.raises(ConfigError, match="8 values and can't be judged at") as caught:
        judge(HashEncoder(8), PAIRS, CONFIG, dims=(dim,))
    assert "1 to 8" in caught.value.hint


def test_a_model_that_gives_nan_is_refused() -> None:
    """A broken model is named instead of getting a score."""
    encoder = TableEncoder({text: [np.nan, 1.0] for text in (*PAIRS.queries.values(), *PAIRS.corpus.values())})
    with pytest.raises(ModelError, match="table-encoder gave vectors that are not finite"):
        judge(encoder, PAIRS, CONFIG)


def test_queries_with_the_same_documents_are_one_cluster_for_model_and_bm25() -> None:
    """Phrasings with one answer go together, by its text or by its id; what is judged 0 ties nothing."""
    data = Retrieval(
        queries={"a": "red fish", "b": "fish in red", "c": "a red one", "d": "blue bird"},
        corpus={"x": "the red fish swims", "copy": "The red fish  swims", "y": "a blue bird"},
        qrels={"a": {"x": 1}, "b": {"x": 2}, "c": {"copy": 1, "y": 0}, "d": {"y": 1, "x": 0}},
    )
    for judged in (judge(HashEncoder(16), data, CONFIG)[16], judge_bm25(data, CONFIG)):
        assert judged.clusters is not None
        assert judged.clusters.tolist() == [0, 0, 0, 1]


def test_some_documents_in_common_tie_no_queries() -> None:
    """Where each query has many, nearly all would hang together; an equal set of them ties, and so does an equal text
    of queries, but not that of a query and a document."""
    data = Retrieval(
        queries={"a": "red", "b": "fish", "c": "sun", "d": "Fish", "e": "sky"},
        corpus={"x": "a red fish", "y": "a blue fish", "z": "sun"},
        qrels={"a": {"x": 1, "y": 1}, "b": {"y": 1}, "c": {"y": 2, "x": 1}, "d": {"z": 1, "y": 1}, "e": {"z": 1}},
    )
    clusters = judge(HashEncoder(16), data, CONFIG)[16].clusters
    assert clusters is not None
    assert clusters.tolist() == [0, 1, 0, 1, 2]


def test_questions_that_ask_for_each_other_are_one_cluster() -> None:
    """A pair in both orders is one fact; a chain of such pairs ties no more than each to its own reverse."""
    data = Retrieval(
        queries={"a": "Red fish", "b": "a fish in red", "c": "blue"},
        corpus={"x": "red  fish", "y": "A fish in red", "z": "a fish in red", "w": "red"},
        qrels={"a": {"y": 1}, "b": {"x": 1}, "c": {"w": 1}},
    )
    clusters = judge(HashEncoder(16), data, CONFIG)[16].clusters
    assert clusters is not None
    assert clusters.tolist() == [0, 0, 1]


def test_a_task_serves_many_models() -> None:
    """Made once, it judges each model as `judge` does."""
    task = task_of(PAIRS, CONFIG)
    for size in (8, 16):
        encoder = HashEncoder(size)
        assert judge_by(encoder, task)[size].totals == judge(encoder, PAIRS, CONFIG)[size].totals


def test_scored_pairs_are_tied_by_their_first_text_and_labelled_texts_by_nothing() -> None:
    """Pairs of one text with many are one trial, a chain of texts ties nothing; each labelled text stands alone."""
    pairs = Scored(tuple(ScoredPair(first, second, 0.5) for first, second in ("ab", "bc", "ac")))
    judged = judge(HashEncoder(16), pairs, CONFIG)[16]
    assert judged.clusters is not None
    assert judged.clusters.tolist() == [0, 1, 0]
    assert judge(HashEncoder(16), LABELLED, CONFIG)[16].clusters is None
