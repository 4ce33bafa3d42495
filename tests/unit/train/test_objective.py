from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vectune.config import TrainConfig
from vectune.errors import ConfigError
from vectune.records import Kind
from vectune.train.batch import Batch, Classes, Contrast, Grades
from vectune.train.losses.cosent import cosent
from vectune.train.losses.info_nce import info_nce
from vectune.train.losses.supervised_contrastive import supervised_contrastive
from vectune.train.losses.triplet import triplet
from vectune.train.objective import build_objective, choose_loss

VECTORS = F.normalize(torch.randn(6, 8, generator=torch.Generator().manual_seed(0)), dim=-1)
TEXTS = np.arange(6)


def _contrast(given: tuple[int, int] | None = None) -> Batch:
    """Two anchors (texts 0, 1), their positives (2, 3) and two more candidates (4, 5)."""
    known = np.zeros((2, 4), dtype=bool)
    known[0, 0] = known[1, 1] = True
    marked = np.zeros_like(known)
    if given is not None:
        marked[given] = True
    return Batch(TEXTS, Contrast(np.array([0, 1]), np.array([2, 3, 4, 5]), known, marked), 2)


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_has_its_loss(kind: Kind) -> None:
    """`auto` gives each kind the loss that fits; a loss of another kind is refused with those that fit."""
    chosen = choose_loss(kind, "auto")
    assert choose_loss(kind, chosen) == chosen
    wrong = "cosent" if kind is not Kind.SCORED else "info_nce"
    with pytest.raises(ConfigError, match=wrong) as caught:
        choose_loss(kind, wrong)
    assert chosen in caught.value.hint


def test_settings_reach_info_nce() -> None:
    """Temperature and direction are those of the config."""
    config = TrainConfig(temperature=0.2, symmetric=False)
    batch = _contrast()
    assert isinstance(batch.arrangement, Contrast)
    known = torch.from_numpy(batch.arrangement.known)
    expected = info_nce(VECTORS[:2], VECTORS[2:], known, temperature=0.2, symmetric=False)
    assert build_objective("info_nce", config)(VECTORS, batch) == pytest.approx(float(expected))


def test_triplet_takes_the_given_negative() -> None:
    """With a given negative the triplet is anchor, its positive and that negative."""
    expected = triplet(VECTORS[[0]], VECTORS[[2]], VECTORS[[5]], margin=0.3)
    found = build_objective("triplet", TrainConfig(margin=0.3))(VECTORS, _contrast((0, 3)))
    assert found == pytest.approx(float(expected))


def test_triplet_takes_the_hardest_otherwise() -> None:
    """Without one, each anchor's negative is the most similar candidate that is not known to be relevant."""
    similar = VECTORS[:2] @ VECTORS[2:].T
    hardest = [max((j for j in range(4) if j != i), key=lambda j, i=i: float(similar[i, j])) for i in range(2)]
    expected = triplet(VECTORS[:2], VECTORS[2:4], VECTORS[[2 + j for j in hardest]], margin=0.2)
    assert build_objective("triplet", TrainConfig())(VECTORS, _contrast()) == pytest.approx(float(expected))


def test_other_kinds_reach_their_losses() -> None:
    """Scored pairs and labelled texts are laid out for their losses."""
    gold = np.array([0.1, 0.9, 0.5], dtype=np.float32)
    grades = Batch(TEXTS, Grades(np.array([0, 1, 2]), np.array([3, 4, 5]), gold), 3)
    expected = cosent(VECTORS[:3], VECTORS[3:], torch.from_numpy(gold), temperature=0.05)
    assert build_objective("cosent", TrainConfig())(VECTORS, grades) == pytest.approx(float(expected))
    labels = np.array([0, 0, 1, 1, 2, 2])
    classes = Batch(TEXTS, Classes(TEXTS, labels), 6)
    expected = supervised_contrastive(VECTORS, torch.from_numpy(labels), temperature=0.05)
    found = build_objective("supervised_contrastive", TrainConfig())(VECTORS, classes)
    assert found == pytest.approx(float(expected))


def test_dims_change_the_loss() -> None:
    """With Matryoshka dimensions the loss looks at shorter vectors too."""
    plain, nested = build_objective("info_nce", TrainConfig()), build_objective("info_nce", TrainConfig(dims=(8, 4)))
    assert float(plain(VECTORS, _contrast())) != pytest.approx(float(nested(VECTORS, _contrast())))
