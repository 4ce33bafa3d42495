"""What a batch is taught besides its rows: a teacher's scores or those of the data, and a guide's view of negatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vectune.config.train import DistilLossName, LossName, TrainConfig
from vectune.errors import ConfigError
from vectune.records import Dataset, Kind, Retrieval
from vectune.train.batch import Batch, Classes, Contrast, Grades, PairScores, Positions
from vectune.train.losses.listwise_kl import listwise_kl
from vectune.train.losses.margin_mse import margin_mse
from vectune.train.teacher import TextVectors

DISTIL_LOSSES: tuple[DistilLossName, ...] = ("listwise_kl", "margin_mse")


@dataclass(frozen=True)
class Lesson:
    """What the teacher says of a batch: anchors [B] and candidates [C] as positions, and its scores [B, C].

    `listed` bool [B, C] marks what is scored (others are NaN), `compared` bool [B, C] the scored negatives of an anchor
    whose own positive, candidate i of anchor i, is scored too.
    """

    anchors: Positions
    candidates: Positions
    scores: Tensor
    listed: Tensor
    compared: Tensor


def lesson_of(batch: Batch, teacher: TextVectors | None, device: torch.device) -> Lesson:
    """The teacher's cosines of a batch, or without a teacher the scores that came with the data.

    Pairs: anchors and all candidates. Scored pairs: first texts and all second ones. Labelled texts: each and all
    others. A text is never on its own list, and once at most on any.
    """
    anchors, candidates = _sides(batch)
    contrast = batch.arrangement if isinstance(batch.arrangement, Contrast) else None
    scores = torch.full((len(anchors), len(candidates)), torch.nan, device=device)
    if teacher is not None:
        scores = cosines(batch, teacher, device)
    elif contrast is not None and contrast.scores is not None:
        _fill(scores, contrast.scores)
    others = torch.from_numpy(anchors[:, None] != candidates[None, :]).to(device)
    scored = ~scores.isnan() & others
    listed = scored & ~torch.from_numpy(_repeated(candidates)).to(device)
    compared = listed & scored.diagonal()[:, None]
    if contrast is not None:
        compared = compared & ~torch.from_numpy(contrast.known).to(device)
    return Lesson(anchors, candidates, scores, listed, compared.fill_diagonal_(False))


def _repeated(candidates: Positions) -> NDArray[np.bool_]:
    """Which candidates [C] stand among those before them already."""
    repeated = np.ones(len(candidates), dtype=bool)
    repeated[np.unique(candidates, return_index=True)[1]] = False
    return repeated


def cosines(batch: Batch, vectors: TextVectors, device: torch.device) -> Tensor:
    """Cosines of a batch's anchors with its candidates by the vectors of another model: float32 [B, C]."""
    anchors, candidates = _sides(batch)
    found = vectors.at(batch.texts, device)
    return found[anchors] @ found[candidates].T


def distil(loss: DistilLossName, vectors: Tensor, lesson: Lesson, config: TrainConfig) -> Tensor:
    """The distillation loss of vectors [T, D] of a batch's texts."""
    anchors, candidates = vectors[lesson.anchors], vectors[lesson.candidates]
    if loss == "margin_mse":
        return margin_mse(anchors, candidates, lesson.scores, lesson.compared)
    return listwise_kl(
        anchors,
        candidates,
        lesson.scores,
        lesson.listed,
        temperature=config.student_temperature,
        teacher_temperature=config.teacher_temperature,
    )


def refuse_unfit(loss: LossName, config: TrainConfig, data: Dataset) -> None:
    """ConfigError when teacher, guide and loss do not go with one another or with the data."""
    ranked = data.kind in (Kind.PAIRS, Kind.TRIPLETS)
    if loss in DISTIL_LOSSES and config.teacher is None and not has_scores(data):
        hint = "give rows with pos_scores and neg_scores, or " if ranked else "or "
        found = f"The loss {loss} learns from a teacher, and there is none."
        raise ConfigError(found, f"Name a model with --teacher, {hint}leave --loss out.")
    if config.teacher is not None and loss not in DISTIL_LOSSES and config.distil_loss == "margin_mse" and not ranked:
        raise ConfigError(
            f"margin_mse compares positives with negatives, and {data.kind.value} data has none.",
            'Set distil_loss = "listwise_kl".',
        )
    if config.guide is not None and loss != "info_nce":
        hint = "add --loss info_nce, or " if ranked else ""
        found = f"A guide leaves out negatives of InfoNCE, but the loss is {loss}."
        raise ConfigError(found, f"For {data.kind.value} data {hint}leave --guide out.")


def has_scores(data: Dataset) -> bool:
    """Whether the data brings scores of documents for its queries."""
    return isinstance(data, Retrieval) and any(data.scores.values())


def _sides(batch: Batch) -> tuple[Positions, Positions]:
    arrangement = batch.arrangement
    if isinstance(arrangement, Contrast):
        return arrangement.anchors, arrangement.candidates
    if isinstance(arrangement, Grades):
        return arrangement.first, arrangement.second
    assert isinstance(arrangement, Classes)
    return arrangement.texts, arrangement.texts


def _fill(scores: Tensor, given: PairScores) -> None:
    places = torch.from_numpy(np.stack([given.rows, given.columns])).to(scores.device)
    scores[places[0], places[1]] = torch.from_numpy(given.values).to(scores.device)
