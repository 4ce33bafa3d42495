"""Triplet loss on cosine distance (Schroff et al., 2015, arXiv 1503.03832)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def triplet(anchors: Tensor, positives: Tensor, negatives: Tensor, *, margin: float = 0.2) -> Tensor:
    """Mean of max(0, cos(a, n) - cos(a, p) + margin) over rows; each input [T, D], L2 norm 1."""
    to_positive = (anchors * positives).sum(dim=1)
    to_negative = (anchors * negatives).sum(dim=1)
    return F.relu(to_negative - to_positive + margin).mean()
