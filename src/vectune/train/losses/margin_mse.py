"""Margin-MSE (Hofstätter et al., 2020, arXiv 2010.02666): the teacher's margins, not its scores, are learnt."""

from __future__ import annotations

import torch
from torch import Tensor


def margin_mse(anchors: Tensor, candidates: Tensor, teacher: Tensor, compared: Tensor) -> Tensor:
    """Mean squared difference between the student's and the teacher's margins of positive over negative.

    `anchors` [B, D] and `candidates` [C, D], C >= B, have L2 norm 1; candidate i is anchor i's positive for i < B.
    `teacher` [B, C] holds the teacher's score of each candidate for each anchor; only differences within a row count,
    and they are learnt as cosines, so they should stay within -2 and 2. `compared` is bool [B, C]: the candidates that
    count as negatives of an anchor; teacher scores elsewhere (but for the positives) may be NaN. With s the cosines and
    t the teacher's scores:

        loss = mean over compared i, j of ((s[i, i] - s[i, j]) - (t[i, i] - t[i, j]))^2

    Nothing to compare gives 0.
    """
    if not compared.any():
        return anchors.sum() * 0.0
    student_BC = anchors @ candidates.T
    student_margins = student_BC.diagonal()[:, None] - student_BC
    teacher_margins = teacher.diagonal()[:, None] - teacher
    return torch.square(student_margins[compared] - teacher_margins[compared]).mean()
