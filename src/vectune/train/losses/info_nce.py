"""InfoNCE (van den Oord et al., 2018, arXiv 1807.03748) with in-batch and given negatives, known positives masked.

A guide masks probable false negatives too: GISTEmbed (Solatorio, 2024, arXiv 2402.16829).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def info_nce(
    anchors: Tensor,
    candidates: Tensor,
    known: Tensor,
    *,
    temperature: float = 0.05,
    symmetric: bool = True,
    guide: Tensor | None = None,
    guide_margin: float = 0.0,
) -> Tensor:
    """Mean cross-entropy of finding each anchor's positive among all candidates.

    `anchors` [B, D] and `candidates` [C, D], C >= B, have L2 norm 1; candidate i is anchor i's positive for i < B, the
    rest are given negatives. `known` is bool [B, C]: True where a candidate is another known positive of that anchor,
    which is then left out instead of being pushed away. With s = anchors @ candidates.T / temperature (Q anchors,
    C candidates):

        loss_i = -s[i, i] + log sum_c exp(s[i, c])        over c that are not masked

    `symmetric` averages it with the same loss from the positives' side, [B, B] transposed.

    `guide` [B, C] holds the cosines of a guide model g: what it finds more similar than the positive less
    `guide_margin` (-2 to 2) is a probable false negative and masked as well, each direction by its own rule:

        anchor i leaves out candidate c where g[i, c] > g[i, i] - guide_margin
        positive j leaves out anchor i where g[i, j] > g[j, j] - guide_margin
    """
    scores_BC = anchors @ candidates.T / temperature
    size = anchors.shape[0]
    target = torch.arange(size, device=anchors.device)
    backward_guide = None if guide is None else guide[:, :size].T
    forward = F.cross_entropy(_masked(scores_BC, known, guide, guide_margin), target)
    if not symmetric:
        return forward
    backward_scores, backward_known = scores_BC[:, :size].T, known[:, :size].T
    backward = F.cross_entropy(_masked(backward_scores, backward_known, backward_guide, guide_margin), target)
    return (forward + backward) / 2


def _masked(scores: Tensor, known: Tensor, guide: Tensor | None, margin: float) -> Tensor:
    """Scores [B, C] with -inf where a candidate is no negative; the diagonal, each row's own positive, always stays."""
    left_out = known if guide is None else known | (guide > guide.diagonal()[:, None] - margin)
    own = torch.eye(*scores.shape, dtype=torch.bool, device=scores.device)
    return scores.masked_fill(left_out & ~own, float("-inf"))
