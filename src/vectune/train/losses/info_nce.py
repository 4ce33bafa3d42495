"""InfoNCE (van den Oord et al., 2018, arXiv 1807.03748) with in-batch and given negatives, known positives masked."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def info_nce(
    anchors: Tensor, candidates: Tensor, known: Tensor, *, temperature: float = 0.05, symmetric: bool = True
) -> Tensor:
    """Mean cross-entropy of finding each anchor's positive among all candidates.

    `anchors` [B, D] and `candidates` [C, D], C >= B, have L2 norm 1; candidate i is anchor i's positive for i < B, the
    rest are given negatives. `known` is bool [B, C]: True where a candidate is another known positive of that anchor,
    which is then left out instead of being pushed away. With s = anchors @ candidates.T / temperature (Q anchors,
    C candidates):

        loss_i = -s[i, i] + log sum_c exp(s[i, c])        over c that are not masked

    `symmetric` averages it with the same loss from the positives' side, [B, B] transposed.
    """
    scores_BC = anchors @ candidates.T / temperature
    size = anchors.shape[0]
    target = torch.arange(size, device=anchors.device)
    others = known.clone()
    others[target, target] = False
    scores_BC = scores_BC.masked_fill(others, float("-inf"))
    forward = F.cross_entropy(scores_BC, target)
    if not symmetric:
        return forward
    backward = F.cross_entropy(scores_BC[:, :size].T, target)
    return (forward + backward) / 2
