"""Distillation losses and the guide's mask agree with sentence-transformers' own or with the formula written out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from sentence_transformers.sentence_transformer import losses
from torch import Tensor

from tests.unit.train.test_losses import NONE_KNOWN, Passing, theirs, unit
from vectune.train.losses.info_nce import info_nce
from vectune.train.losses.listwise_kl import listwise_kl
from vectune.train.losses.margin_mse import margin_mse

ANCHORS, POSITIVES, NEGATIVES = unit(8, 16), unit(8, 16, seed=1), unit(8, 16, seed=2)
CANDIDATES = torch.cat([POSITIVES, NEGATIVES])
SCORES = torch.randn(8, 2, generator=torch.Generator().manual_seed(3))
"""A teacher's scores of each anchor's positive and of its one negative."""
OWN = torch.cat([torch.zeros(8, 8, dtype=torch.bool), torch.eye(8, dtype=torch.bool)], dim=1)
"""Each anchor's own negative among the candidates."""


def spread(scores: Tensor) -> Tensor:
    """Scores of positive and own negative in their places among all candidates, NaN elsewhere."""
    placed = torch.full((8, 16), torch.nan)
    placed[torch.arange(8), torch.arange(8)] = scores[:, 0]
    placed[torch.arange(8), torch.arange(8) + 8] = scores[:, 1]
    return placed


def test_margin_mse_is_theirs() -> None:
    """The squared difference of margins, for scores of positive and negative as for their difference."""
    loss = losses.MarginMSELoss(Passing())
    ours = float(margin_mse(ANCHORS, CANDIDATES, spread(SCORES), OWN))
    vectors = [ANCHORS, POSITIVES, NEGATIVES]
    assert ours == pytest.approx(theirs(loss, vectors, SCORES), abs=1e-6)
    assert ours == pytest.approx(theirs(loss, vectors, SCORES[:, 0] - SCORES[:, 1]), abs=1e-6)


def test_margin_mse_knows_differences_only() -> None:
    """A teacher whose scores all lie three higher teaches the same; nothing to compare is 0 with a gradient."""
    same = margin_mse(ANCHORS, CANDIDATES, spread(SCORES + 3), OWN)
    assert float(same) == pytest.approx(float(margin_mse(ANCHORS, CANDIDATES, spread(SCORES), OWN)), abs=1e-5)
    anchors = ANCHORS.clone().requires_grad_()
    nothing = margin_mse(anchors, CANDIDATES, spread(SCORES), torch.zeros_like(OWN))
    nothing.backward()
    assert float(nothing.detach()) == 0.0
    assert anchors.grad is not None
    assert float(anchors.grad.abs().max()) == 0.0


@pytest.mark.parametrize(("student", "teacher"), [(1.0, 1.0), (0.5, 2.0)])
def test_listwise_kl_is_theirs_less_the_squared_temperature(student: float, teacher: float) -> None:
    """They multiply by the student's squared temperature, we do not: the rest is equal, at any two temperatures."""
    loss = losses.DistillKLDivLoss(Passing(), student_temperature=student, teacher_temperature=teacher)
    expected = theirs(loss, [ANCHORS, POSITIVES, NEGATIVES], SCORES) / student**2
    listed = ~spread(SCORES).isnan()
    options = {"temperature": student, "teacher_temperature": teacher}
    ours = listwise_kl(ANCHORS, CANDIDATES, spread(SCORES), listed, **options)
    assert float(ours) == pytest.approx(expected, abs=1e-6)


def test_listwise_kl_of_the_teacher_itself_is_zero() -> None:
    """A student with the teacher's scores has nothing to learn: no loss and no gradient."""
    anchors = ANCHORS.clone().requires_grad_()
    everything = torch.ones(8, 16, dtype=torch.bool)
    loss = listwise_kl(anchors, CANDIDATES, ANCHORS @ CANDIDATES.T, everything)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-6)
    assert anchors.grad is not None
    assert float(anchors.grad.abs().max()) < 1e-5


def test_listwise_kl_passes_over_short_lists() -> None:
    """Anchors with one score or none are left out of the mean, and their NaN reaches neither loss nor gradient."""
    scores = spread(SCORES)
    scores[3:, 8:] = torch.nan
    scores[7] = torch.nan
    anchors = ANCHORS.clone().requires_grad_()
    loss = listwise_kl(anchors, CANDIDATES, scores, ~scores.isnan())
    alone = listwise_kl(ANCHORS[:3], CANDIDATES, scores[:3], ~scores[:3].isnan())
    loss.backward()
    assert float(loss.detach()) == pytest.approx(float(alone), abs=1e-6)
    assert anchors.grad is not None
    assert anchors.grad.isfinite().all()
    assert float(anchors.grad[3:].abs().max()) == 0.0
    assert float(listwise_kl(ANCHORS, CANDIDATES, scores, torch.zeros_like(OWN))) == 0.0


class Guide:
    """Other vectors for the same texts, as a guide model would give."""

    def __init__(self, seed: int) -> None:
        self.anchors, self.candidates = unit(8, 6, seed=seed), unit(16, 6, seed=seed + 1)

    def parts(self) -> Iterator[Tensor]:
        yield from (self.anchors, self.candidates[:8], self.candidates[8:])


@pytest.mark.parametrize("margin", [0.0, 0.2, -0.1])
def test_guide_masks_as_theirs(margin: float) -> None:
    """With hard negatives: what the guide finds more similar than the positive less the margin is left out."""
    guide = Guide(5)
    loss = gist(margin)
    parts = [ANCHORS, POSITIVES, NEGATIVES]
    guided = [[part] for part in guide.parts()]
    expected = float(loss.calculate_loss([[part] for part in parts], guided))
    similar = guide.anchors @ guide.candidates.T
    known = torch.zeros(8, 16, dtype=torch.bool)
    options = {"temperature": 0.05, "symmetric": False, "guide": similar, "guide_margin": margin}
    assert float(info_nce(ANCHORS, CANDIDATES, known, **options)) == pytest.approx(expected, abs=1e-5)
    plain = info_nce(ANCHORS, CANDIDATES, known, symmetric=False)
    assert float(plain) != pytest.approx(expected, abs=1e-3)


def gist(margin: float) -> losses.CachedGISTEmbedLoss:
    """Their loss without its two further contrasts; it needs no guide model, since the vectors are given."""
    loss = losses.CachedGISTEmbedLoss.__new__(losses.CachedGISTEmbedLoss)
    torch.nn.Module.__init__(loss)
    loss.temperature, loss.margin, loss.margin_strategy = 0.05, margin, "absolute"
    loss.contrast_anchors = loss.contrast_positives = loss.gather_across_devices = False
    loss.mini_batch_size, loss.show_progress_bar = 8, False
    loss.similarity_fct, loss.cross_entropy_loss = torch.nn.CosineSimilarity(dim=-1), torch.nn.CrossEntropyLoss()
    return loss


def test_guide_masks_each_direction_by_its_own_rule() -> None:
    """Both directions are the mean of the two losses, each with the guide's cosines seen from its side."""
    guide = Guide(5)
    similar = guide.anchors @ guide.candidates[:8].T
    there = info_nce(ANCHORS, POSITIVES, NONE_KNOWN, symmetric=False, guide=similar)
    back = info_nce(POSITIVES, ANCHORS, NONE_KNOWN, symmetric=False, guide=similar.T)
    both = info_nce(ANCHORS, POSITIVES, NONE_KNOWN, guide=similar)
    assert float(both) == pytest.approx(float(there + back) / 2, abs=1e-6)


def test_planted_false_negative_gets_no_gradient() -> None:
    """A candidate that says the same as the positive is not pushed away when the guide knows it."""
    anchors, candidates = unit(2, 8), unit(3, 8, seed=1).requires_grad_()
    guide = torch.tensor([[0.7, 0.1, 0.8], [0.2, 0.6, 0.1]])
    known = torch.zeros(2, 3, dtype=torch.bool)
    info_nce(anchors[:1], candidates, known[:1], symmetric=False, guide=guide[:1]).backward()
    assert candidates.grad is not None
    assert float(candidates.grad[2].abs().max()) == 0.0
    assert float(candidates.grad[1].abs().max()) > 0.0
