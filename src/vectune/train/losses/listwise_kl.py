"""Listwise distillation: the teacher's distribution over a list of candidates (Hinton et al., 2015, arXiv 1503.02531).

For dense retrieval: Ren et al., RocketQAv2, 2021, arXiv 2110.07367.
"""

from __future__ import annotations

import torch
from torch import Tensor


def listwise_kl(
    anchors: Tensor,
    candidates: Tensor,
    teacher: Tensor,
    listed: Tensor,
    *,
    temperature: float = 0.05,
    teacher_temperature: float = 0.05,
) -> Tensor:
    """Mean over anchors of KL(p || q): what the student's distribution q over the candidates lacks of the teacher's p.

    `anchors` [B, D] and `candidates` [C, D] have L2 norm 1; `teacher` [B, C] holds the teacher's score of each
    candidate for each anchor; `listed` is bool [B, C]: the candidates on an anchor's list, teacher scores elsewhere may
    be NaN. With s the cosines and t the teacher's scores, both softmaxes over the list:

        p_i = softmax(t[i] / teacher_temperature)      q_i = softmax(s[i] / temperature)
        loss_i = sum_j p_i[j] (log p_i[j] - log q_i[j])

    An anchor with fewer than two on its list teaches nothing and is left out; without any other the loss is 0. The
    loss is not multiplied by the squared temperature, as Hinton et al. do for temperatures above 1: at those of
    contrastive losses that would make it vanish beside them.
    """
    rows = listed.sum(dim=1) > 1
    if not rows.any():
        return anchors.sum() * 0.0
    left_out = ~listed[rows]
    student_BC = (anchors[rows] @ candidates.T / temperature).masked_fill(left_out, float("-inf"))
    teacher_BC = (teacher[rows] / teacher_temperature).masked_fill(left_out, float("-inf"))
    log_p, log_q = torch.log_softmax(teacher_BC, dim=1), torch.log_softmax(student_BC, dim=1)
    # Where nothing is listed both logarithms are -inf, whose difference would be NaN.
    gaps = (log_p - log_q).masked_fill(left_out, 0.0)
    return (log_p.exp() * gaps).sum(dim=1).mean()
