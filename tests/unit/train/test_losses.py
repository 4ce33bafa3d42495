"""Each loss agrees with sentence-transformers' own or with the formula written out."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
import torch
from sentence_transformers.sentence_transformer import losses
from torch import Tensor, nn
from torch.nn import functional as F

from vectune.train.losses.cosent import cosent
from vectune.train.losses.info_nce import info_nce
from vectune.train.losses.matryoshka import matryoshka
from vectune.train.losses.supervised_contrastive import supervised_contrastive
from vectune.train.losses.triplet import triplet


class Passing(nn.Module):
    """Stands in for a model in sentence-transformers' losses: the features are the vectors already."""

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        return features


def theirs(loss: nn.Module, vectors: Iterable[Tensor], labels: Tensor | None = None) -> float:
    return float(loss([{"sentence_embedding": vector} for vector in vectors], labels))


def unit(*shape: int, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


NONE_KNOWN = torch.zeros(8, 8, dtype=torch.bool)


def test_info_nce_is_their_multiple_negatives_ranking_loss() -> None:
    """In-batch negatives, one direction, temperature .05 (their scale 20)."""
    anchors, positives = unit(8, 16), unit(8, 16, seed=1)
    expected = theirs(losses.MultipleNegativesRankingLoss(Passing()), [anchors, positives])
    assert float(info_nce(anchors, positives, NONE_KNOWN, symmetric=False)) == pytest.approx(expected, abs=1e-5)


def test_info_nce_with_hard_negatives_is_theirs() -> None:
    """Given negatives join the candidates of every anchor."""
    anchors, positives, negatives = unit(8, 16), unit(8, 16, seed=1), unit(8, 16, seed=2)
    expected = theirs(losses.MultipleNegativesRankingLoss(Passing()), [anchors, positives, negatives])
    known = torch.zeros(8, 16, dtype=torch.bool)
    ours = info_nce(anchors, torch.cat([positives, negatives]), known, symmetric=False)
    assert float(ours) == pytest.approx(expected, abs=1e-5)


def test_symmetric_info_nce_is_the_mean_of_both_directions() -> None:
    """Anchors to positives and positives to anchors count alike."""
    anchors, positives = unit(8, 16), unit(8, 16, seed=1)
    there = info_nce(anchors, positives, NONE_KNOWN, symmetric=False)
    back = info_nce(positives, anchors, NONE_KNOWN, symmetric=False)
    assert float(info_nce(anchors, positives, NONE_KNOWN)) == pytest.approx(float(there + back) / 2, abs=1e-6)


def test_known_positives_are_neither_pushed_away_nor_counted() -> None:
    """Masking candidate 1 for anchor 0 gives the loss computed without it, and no gradient through that pair."""
    anchors, positives = unit(2, 4), unit(2, 4, seed=1)
    known = torch.tensor([[True, True], [False, True]])
    scores = anchors @ positives.T / 0.05
    expected = (0 + float(torch.logsumexp(scores[1], 0) - scores[1, 1])) / 2
    assert float(info_nce(anchors, positives, known, symmetric=False)) == pytest.approx(expected, abs=1e-5)


def test_triplet_is_theirs_with_cosine_distance() -> None:
    """The margin stands between cosines."""
    anchors, positives, negatives = unit(8, 16), unit(8, 16, seed=1), unit(8, 16, seed=2)
    theirs_loss = losses.TripletLoss(Passing(), distance_metric=losses.TripletDistanceMetric.COSINE, triplet_margin=0.2)
    expected = theirs(theirs_loss, [anchors, positives, negatives])
    assert float(triplet(anchors, positives, negatives, margin=0.2)) == pytest.approx(expected, abs=1e-6)


def test_cosent_is_theirs() -> None:
    """Only pairs of pairs whose gold scores differ count, in the right direction."""
    first, second = unit(8, 16), unit(8, 16, seed=1)
    gold = torch.tensor([0.0, 0.2, 0.2, 0.9, 1.0, 0.5, 0.5, 0.1])
    expected = theirs(losses.CoSENTLoss(Passing()), [first, second], gold)
    assert float(cosent(first, second, gold)) == pytest.approx(expected, abs=1e-5)


def test_cosent_of_equal_scores_is_zero() -> None:
    """Nothing to order, nothing to learn."""
    assert float(cosent(unit(4, 8), unit(4, 8, seed=1), torch.ones(4))) == 0.0


def test_supervised_contrastive_is_the_formula() -> None:
    """The sum written out text by text, a label that stands alone left out."""
    vectors, labels = unit(5, 8), [0, 0, 1, 1, 2]
    scores = (vectors @ vectors.T / 0.05).numpy().astype(float)
    terms = []
    for i in range(4):
        others = [scores[i, j] for j in range(5) if j != i]
        log_sum = math.log(sum(math.exp(value) for value in others))
        partners = [j for j in range(5) if j != i and labels[j] == labels[i]]
        terms.append(-np.mean([scores[i, j] - log_sum for j in partners]))
    ours = supervised_contrastive(vectors, torch.tensor(labels))
    assert float(ours) == pytest.approx(float(np.mean(terms)), abs=1e-4)


def test_supervised_contrastive_without_partners_is_zero_with_a_gradient() -> None:
    """A batch of labels that all differ trains nothing and breaks nothing."""
    vectors = unit(3, 8).requires_grad_()
    loss = supervised_contrastive(vectors, torch.tensor([0, 1, 2]))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert vectors.grad is not None
    assert float(vectors.grad.abs().max()) == 0.0


def test_matryoshka_is_theirs_divided_by_the_number_of_dims() -> None:
    """They add the losses up, we average: the rest is equal, cut and scaled back to norm 1."""
    anchors, positives = unit(8, 16), unit(8, 16, seed=1)
    model = NamedPassing()
    wrapped = losses.MatryoshkaLoss(model, losses.MultipleNegativesRankingLoss(model), [16, 8, 4])
    expected = theirs(wrapped, [anchors, positives]) / 3
    ours = matryoshka(
        torch.cat([anchors, positives]), (16, 8, 4), lambda cut: info_nce(cut[:8], cut[8:], NONE_KNOWN, symmetric=False)
    )
    assert float(ours) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("large", "times"), [(16, 2), (17, 1)])
def test_matryoshka_of_many_texts_has_the_same_gradient(large: int, times: int) -> None:
    """From so many texts on each dim's loss is computed twice, and loss and gradient are those of plain autograd."""
    vectors, plain = (unit(16, 12).requires_grad_() for _ in range(2))
    called: list[int] = []

    def loss(cut: Tensor) -> Tensor:
        called.append(cut.shape[1])
        return info_nce(cut[:8], cut[8:], NONE_KNOWN)

    ours = matryoshka(vectors, (12, 8, 4), loss, large=large)
    ours.backward()  # type: ignore[no-untyped-call]
    assert sorted(called) == sorted([12, 8, 4] * times)
    cuts = (plain, F.normalize(plain[:, :8], dim=1), F.normalize(plain[:, :4], dim=1))
    expected = torch.stack([info_nce(cut[:8], cut[8:], NONE_KNOWN) for cut in cuts]).mean()
    expected.backward()  # type: ignore[no-untyped-call]
    assert vectors.grad is not None
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(vectors.grad, plain.grad, atol=1e-5, rtol=0)


class NamedPassing(Passing):
    """What MatryoshkaLoss asks a model for besides the forward pass."""

    def get_embedding_dimension(self) -> int:
        return 16

    def get_sentence_embedding_dimension(self) -> int:
        return 16
