"""InfoNCE (van den Oord et al., 2018, arXiv 1807.03748) with documents at hand as negatives, whatever the batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def corpus_info_nce(
    queries: Tensor, documents: Tensor, targets: Tensor, known: Tensor, *, temperature: float = 0.05
) -> Tensor:
    """Mean cross-entropy of finding each query's positive among the documents.

    `queries` [B, D] and `documents` [C, D] have L2 norm 1; document `targets[i]` (int64 [B]) is query i's positive;
    `known` is bool [B, C]: True where a document is another known positive of that query, which is then left out. With
    s = queries @ documents.T / temperature:

        loss_i = -s[i, target_i] + log sum_c exp(s[i, c])        over c that are not masked
    """
    scores_BC = queries @ documents.T / temperature
    others = known.clone()
    others[torch.arange(len(targets), device=targets.device), targets] = False
    return F.cross_entropy(scores_BC.masked_fill(others, float("-inf")), targets)
