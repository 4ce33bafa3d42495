"""From a batch's vectors to the loss: the loss that the data's shape calls for, wrapped by Matryoshka."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from vectune.config.train import LossName, TrainConfig
from vectune.errors import ConfigError
from vectune.records import Kind
from vectune.train.batch import Batch, Classes, Contrast, Grades
from vectune.train.distillation import DISTIL_LOSSES, cosines, distil, lesson_of
from vectune.train.losses.cosent import cosent
from vectune.train.losses.info_nce import info_nce
from vectune.train.losses.matryoshka import matryoshka
from vectune.train.losses.supervised_contrastive import supervised_contrastive
from vectune.train.losses.triplet import triplet
from vectune.train.teacher import NO_REFERENCES, References

Objective = Callable[[Tensor, Batch], Tensor]

_FITTING: dict[Kind, tuple[LossName, ...]] = {
    Kind.PAIRS: ("info_nce", "triplet", *DISTIL_LOSSES),
    # Triplets are judged by the very comparison that the loss of that name makes.
    Kind.TRIPLETS: ("triplet", "info_nce", *DISTIL_LOSSES),
    Kind.SCORED: ("cosent", "listwise_kl"),
    Kind.LABELLED: ("supervised_contrastive", "listwise_kl"),
}


def choose_loss(kind: Kind, wanted: LossName) -> LossName:
    """The loss for data of `kind`: the wanted one if it fits, the usual one for `auto`; ConfigError otherwise."""
    fitting = _FITTING[kind]
    if wanted == "auto":
        return fitting[0]
    if wanted not in fitting:
        raise ConfigError(
            f"The loss {wanted} does not fit {kind.value} data.", f"Use one of: {', '.join(fitting)}, or leave it out."
        )
    return wanted


def build_objective(loss: LossName, config: TrainConfig, references: References = NO_REFERENCES) -> Objective:
    """A function from vectors [T, D] of a batch's texts, and the batch, to its loss (a scalar).

    With a teacher it is (1 - distil_weight) x the loss named + distil_weight x the distillation loss; a distillation
    loss that is named itself stands alone. What teacher and guide say is worked out once for all Matryoshka dims.
    """
    share = 1.0 if loss in DISTIL_LOSSES else config.distil_weight if references.teacher else 0.0
    taught = loss if loss in DISTIL_LOSSES else config.distil_loss

    def objective(vectors: Tensor, batch: Batch) -> Tensor:
        lesson = lesson_of(batch, references.teacher, vectors.device) if share > 0 else None
        guide = cosines(batch, references.guide, vectors.device) if references.guide else None

        def parts(cut: Tensor) -> Tensor:
            if lesson is None:
                return _own(loss, cut, batch, config, guide)
            from_teacher = distil(taught, cut, lesson, config)
            if share == 1:
                return from_teacher
            return (1 - share) * _own(loss, cut, batch, config, guide) + share * from_teacher

        return matryoshka(vectors, config.dims, parts)

    return objective


def _own(loss: LossName, vectors: Tensor, batch: Batch, config: TrainConfig, guide: Tensor | None) -> Tensor:
    """The loss that the data itself calls for."""
    if loss == "info_nce":
        return _info_nce(vectors, batch, config, guide)
    losses = {"triplet": _triplet, "cosent": _cosent, "supervised_contrastive": _supervised}
    return losses[loss](vectors, batch, config)


def _info_nce(vectors: Tensor, batch: Batch, config: TrainConfig, guide: Tensor | None) -> Tensor:
    contrast = batch.arrangement
    assert isinstance(contrast, Contrast)
    known = torch.from_numpy(contrast.known).to(vectors.device)
    return info_nce(
        vectors[contrast.anchors],
        vectors[contrast.candidates],
        known,
        temperature=config.temperature,
        symmetric=config.symmetric,
        guide=guide,
        guide_margin=config.guide_margin,
    )


def _triplet(vectors: Tensor, batch: Batch, config: TrainConfig) -> Tensor:
    """Given negatives where there are any, else the hardest other candidate of the batch."""
    contrast = batch.arrangement
    assert isinstance(contrast, Contrast)
    rows, columns = np.nonzero(contrast.given & ~contrast.known)
    anchors, candidates = vectors[contrast.anchors], vectors[contrast.candidates]
    if len(rows) == 0:
        known = torch.from_numpy(contrast.known).to(vectors.device)
        columns = (anchors @ candidates.T).detach().masked_fill(known, -2.0).argmax(dim=1).cpu().numpy()
        # An anchor whose every candidate is relevant has no negative.
        rows = np.flatnonzero(~contrast.known.all(axis=1))
        columns = columns[rows]
    if len(rows) == 0:
        return vectors.sum() * 0.0
    return triplet(anchors[rows], candidates[rows], candidates[columns], margin=config.margin)


def _cosent(vectors: Tensor, batch: Batch, config: TrainConfig) -> Tensor:
    grades = batch.arrangement
    assert isinstance(grades, Grades)
    gold = torch.from_numpy(grades.gold).to(vectors.device)
    return cosent(vectors[grades.first], vectors[grades.second], gold, temperature=config.temperature)


def _supervised(vectors: Tensor, batch: Batch, config: TrainConfig) -> Tensor:
    classes = batch.arrangement
    assert isinstance(classes, Classes)
    labels = torch.from_numpy(classes.labels).to(vectors.device)
    return supervised_contrastive(vectors[classes.texts], labels, temperature=config.temperature)
