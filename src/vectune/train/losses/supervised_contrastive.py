"""Supervised contrastive loss, the "out" form (Khosla et al., 2020, arXiv 2004.11362, equation 2)."""

from __future__ import annotations

import torch
from torch import Tensor


def supervised_contrastive(vectors: Tensor, labels: Tensor, *, temperature: float = 0.05) -> Tensor:
    """Mean over texts of the mean -log p(same-label text), p a softmax over all other texts of the batch.

    `vectors` [T, D] have L2 norm 1, `labels` [T] are class numbers. Texts whose label stands alone in the batch teach
    nothing and are left out; a batch without any pair of one label has loss 0.
    """
    itself = torch.eye(len(labels), dtype=torch.bool, device=vectors.device)
    scores = (vectors @ vectors.T / temperature).masked_fill(itself, float("-inf"))
    log_share = scores - torch.logsumexp(scores, dim=1, keepdim=True)
    same = (labels[:, None] == labels[None, :]) & ~itself
    partners = same.sum(dim=1)
    paired = partners > 0
    if not paired.any():
        return vectors.sum() * 0.0
    per_text = -log_share.masked_fill(~same, 0.0).sum(dim=1)[paired] / partners[paired]
    return per_text.mean()
