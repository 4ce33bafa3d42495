"""Who teaches what: scores of a teacher or of the data laid out over a batch, the guide's cosines, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.fakes.tiny_model import WORDS
from vectune.config import TrainConfig
from vectune.config.train import LossName
from vectune.encode.loading import load_encoder
from vectune.errors import ConfigError
from vectune.monitor.progress import Silent
from vectune.records import Dataset, Kind, Labelled, LabelledText, Retrieval, Scored, ScoredPair
from vectune.train.batch import Batch, Classes, Contrast, Grades, PairScores
from vectune.train.distillation import cosines, has_scores, lesson_of, refuse_unfit
from vectune.train.losses.info_nce import info_nce
from vectune.train.losses.listwise_kl import listwise_kl
from vectune.train.losses.margin_mse import margin_mse
from vectune.train.losses.matryoshka import matryoshka
from vectune.train.objective import build_objective
from vectune.train.recipe import Recipe
from vectune.train.rows import ContrastRows
from vectune.train.step import Step
from vectune.train.teacher import References, TextVectors, consult

CPU = torch.device("cpu")
NUMBERS = np.array([7, 3, 1, 4, 0, 9])
VECTORS = F.normalize(torch.randn(6, 8, generator=torch.Generator().manual_seed(0)), dim=-1)
TOLD = np.random.default_rng(0).standard_normal((10, 5)).astype(np.float16)
TEACHER = TextVectors(TOLD, "teacher")
BY_TEXT = F.normalize(torch.from_numpy(TOLD.astype(np.float32)), dim=1)[NUMBERS]
"""The teacher's vectors of the batch's texts; the student's have other dimensions."""
PAIRS = Retrieval({"q": "a"}, {"d": "b"}, {"q": {"d": 1}})
WITH_SCORES = Retrieval({"q": "a"}, {"d": "b"}, {"q": {"d": 1}}, scores={"q": {"d": 0.9}})
SCORED = Scored((ScoredPair("a", "b", 0.5),))
LABELLED = Labelled((LabelledText("a", "x"),))


def pairs(scores: PairScores | None = None) -> Batch:
    """Anchors (texts 0, 1), their positives (2, 3), two more candidates; candidate 2 is relevant to anchor 1 too."""
    known = np.zeros((2, 4), dtype=bool)
    known[0, 0] = known[1, 1] = known[1, 2] = True
    return Batch(NUMBERS, Contrast(np.array([0, 1]), np.array([2, 3, 4, 5]), known, np.zeros_like(known), scores), 2)


def test_teacher_scores_all_candidates_by_text_number() -> None:
    """Each text's vector is the one at its number in the pool; negatives are all candidates not known as relevant."""
    lesson = lesson_of(pairs(), TEACHER, CPU)
    torch.testing.assert_close(lesson.scores, BY_TEXT[:2] @ BY_TEXT[2:].T)
    assert lesson.listed.all()
    assert lesson.compared.tolist() == [[False, True, True, True], [True, False, False, True]]


def test_data_scores_stand_where_they_were_given() -> None:
    """Only scored candidates are listed; an anchor whose positive has no score has no margins."""
    given = PairScores(np.array([0, 0, 1]), np.array([0, 3, 0]), np.array([0.9, 0.1, 0.4], np.float32))
    lesson = lesson_of(pairs(given), None, CPU)
    assert lesson.listed.tolist() == [[True, False, False, True], [True, False, False, False]]
    assert lesson.scores[0, 3] == pytest.approx(0.1)
    assert lesson.compared.tolist() == [[False, False, False, True], [False] * 4]


def test_a_repeated_candidate_is_listed_once() -> None:
    """Two anchors have one positive: it counts once on each list, and its score is each anchor's own positive's."""
    known = np.zeros((2, 3), dtype=bool)
    known[:, :2] = True
    given = PairScores(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([0.9, 0.9, 0.4, 0.4], np.float32))
    contrast = Contrast(np.array([0, 1]), np.array([2, 2, 3]), known, np.zeros_like(known), given)
    lesson = lesson_of(Batch(NUMBERS, contrast, 2), None, CPU)
    assert lesson.listed.tolist() == [[True, False, False], [True, False, False]]
    taught = lesson_of(Batch(NUMBERS, contrast, 2), TEACHER, CPU)
    assert taught.listed.tolist() == [[True, False, True], [True, False, True]]
    assert taught.compared.tolist() == [[False, False, True], [False, False, True]]


def test_the_teacher_goes_before_the_data() -> None:
    """With both, the teacher's cosines hold: two scales in one list would mean nothing."""
    given = PairScores(np.array([0]), np.array([0]), np.array([0.9], np.float32))
    assert torch.equal(lesson_of(pairs(given), TEACHER, CPU).scores, cosines(pairs(), TEACHER, CPU))


def test_other_kinds_list_texts_but_never_themselves() -> None:
    """Scored pairs: first texts and all second ones. Labelled texts: each and all others."""
    gold = np.zeros(3, np.float32)
    grades = Batch(NUMBERS, Grades(np.array([0, 1, 2]), np.array([3, 4, 0]), gold), 3)
    listed = lesson_of(grades, TEACHER, CPU).listed
    assert listed.tolist() == [[True, True, False], [True] * 3, [True] * 3]
    classes = Batch(NUMBERS, Classes(np.arange(6), np.arange(6)), 6)
    lesson = lesson_of(classes, TEACHER, CPU)
    assert torch.equal(lesson.listed, ~torch.eye(6, dtype=torch.bool))
    assert build_objective("listwise_kl", TrainConfig(teacher="t"), References(TEACHER))(VECTORS, classes) > 0


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_losses_are_mixed_by_weight(weight: float) -> None:
    """The whole is (1 - weight) of the data's own loss and weight of the teacher's."""
    config = TrainConfig(teacher="t", distil_weight=weight, distil_loss="margin_mse")
    lesson = lesson_of(pairs(), TEACHER, CPU)
    own = build_objective("info_nce", config)(VECTORS, pairs())
    taught = margin_mse(VECTORS[:2], VECTORS[2:], lesson.scores, lesson.compared)
    whole = build_objective("info_nce", config, References(TEACHER))(VECTORS, pairs())
    assert float(whole) == pytest.approx(float((1 - weight) * own + weight * taught), abs=1e-6)


def test_distillation_loss_that_is_named_stands_alone() -> None:
    """With --loss listwise_kl the weight does not count, both temperatures do, and every dimension is taught."""
    settings = {"teacher": "t", "distil_weight": 0.1, "dims": (8, 4), "student_temperature": 0.1}
    config = TrainConfig.model_validate({**settings, "teacher_temperature": 0.2})
    lesson = lesson_of(pairs(), TEACHER, CPU)

    def expected(cut: torch.Tensor) -> torch.Tensor:
        parts = (cut[:2], cut[2:], lesson.scores, lesson.listed)
        return listwise_kl(*parts, temperature=0.1, teacher_temperature=0.2)

    found = build_objective("listwise_kl", config, References(TEACHER))(VECTORS, pairs())
    assert float(found) == pytest.approx(float(matryoshka(VECTORS, (8, 4), expected)), abs=1e-6)


@pytest.mark.parametrize("dims", [(), (8, 4)])
def test_guide_reaches_info_nce_at_every_dimension(dims: tuple[int, ...]) -> None:
    """The guide's cosines and margin mask negatives, the same ones for all Matryoshka dimensions."""
    config = TrainConfig(guide="g", guide_margin=0.1, dims=dims)
    batch = pairs()
    assert isinstance(batch.arrangement, Contrast)
    known = torch.from_numpy(batch.arrangement.known)
    guide = BY_TEXT[:2] @ BY_TEXT[2:].T

    def expected(cut: torch.Tensor) -> torch.Tensor:
        return info_nce(cut[:2], cut[2:], known, guide=guide, guide_margin=0.1)

    found = build_objective("info_nce", config, References(guide=TEACHER))(VECTORS, batch)
    assert float(found) == pytest.approx(float(matryoshka(VECTORS, dims, expected)), abs=1e-6)
    assert float(found) < float(build_objective("info_nce", config)(VECTORS, batch))


@pytest.mark.parametrize(
    ("loss", "settings", "data", "found", "mend"),
    [
        ("listwise_kl", {}, PAIRS, "learns from a teacher", "pos_scores and neg_scores"),
        ("margin_mse", {}, PAIRS, "learns from a teacher", "--teacher"),
        ("listwise_kl", {}, LABELLED, "learns from a teacher", "--teacher, or leave --loss out"),
        ("cosent", {"teacher": "t", "distil_loss": "margin_mse"}, SCORED, "scored data has none", "listwise_kl"),
        ("triplet", {"guide": "g"}, PAIRS, "the loss is triplet", "add --loss info_nce"),
        ("cosent", {"guide": "g"}, SCORED, "the loss is cosent", "leave --guide out"),
    ],
)
def test_what_does_not_go_together_is_refused(
    loss: LossName, settings: dict[str, str], data: Dataset, found: str, mend: str
) -> None:
    """Loss, teacher, guide and data must fit; the hint says what would."""
    with pytest.raises(ConfigError, match=found) as caught:
        refuse_unfit(loss, TrainConfig.model_validate(settings), data)
    assert mend in caught.value.hint


@pytest.mark.parametrize(
    ("loss", "settings", "data"),
    [
        ("listwise_kl", {}, WITH_SCORES),
        ("margin_mse", {"teacher": "t"}, PAIRS),
        ("info_nce", {"teacher": "t", "guide": "self"}, PAIRS),
        ("supervised_contrastive", {"teacher": "t"}, LABELLED),
        ("info_nce", {}, WITH_SCORES),
    ],
)
def test_what_goes_together_passes(loss: LossName, settings: dict[str, str], data: Dataset) -> None:
    """Teacher or scores allow the distillation losses; scores alone change nothing."""
    refuse_unfit(loss, TrainConfig.model_validate(settings), data)
    assert has_scores(data) == (data is WITH_SCORES)
    assert data.kind in Kind


def test_gradient_caching_teaches_the_same(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Teacher, guide, hard negatives, both directions and Matryoshka: gradients with and without caching are equal."""
    words = [" ".join(WORDS[i : i + 9]) for i in range(60)]
    data = Retrieval(
        {f"q{i}": words[i] for i in range(20)},
        {f"d{i}": words[20 + i] for i in range(40)},
        {f"q{i}": {f"d{i}": 1} for i in range(20)},
        {f"q{i}": (f"d{20 + i}",) for i in range(20)},
    )
    settings = {"teacher": str(tiny_model_folder), "guide": "self", "dims": (32, 16), "precision": "fp32"}
    found = {}
    for mode in ("on", "off"):
        config = TrainConfig.model_validate({**settings, "gradient_cache": mode, "micro_batch_tokens": 256})
        rows = ContrastRows(data, config, Recipe("info_nce", 1, 16, 1e-3))
        references = consult(rows.pool, config, str(tiny_model_folder), tmp_path, Silent())
        encoder = load_encoder(str(tiny_model_folder))
        objective = build_objective("info_nce", config, references)
        result = Step(encoder, rows.pool.tokenize(encoder, None), objective, config).run(rows.batches(0)[0])
        grads = [weight.grad.to_dense() for weight in encoder.model.parameters() if weight.grad is not None]
        found[mode] = (result.loss, grads)
    assert found["on"][0] == pytest.approx(found["off"][0], abs=1e-6)
    for on, off in zip(found["on"][1], found["off"][1], strict=True):
        torch.testing.assert_close(on, off, atol=1e-5, rtol=1e-4)
    assert len(found["on"][1]) > 30
