"""Matryoshka (Kusupati et al., 2022, arXiv 2205.13147): one loss at several lengths of the same vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def matryoshka(vectors: Tensor, dims: Sequence[int], loss: Callable[[Tensor], Tensor]) -> Tensor:
    """Mean of `loss` over the first d values of `vectors` [T, D], scaled back to L2 norm 1, for each d of `dims`.

    Costs one forward pass of the model whatever the number of dims. Without dims it is `loss` itself.
    """
    if not dims:
        return loss(vectors)
    losses = [loss(vectors if dim == vectors.shape[1] else F.normalize(vectors[:, :dim], dim=1)) for dim in dims]
    return torch.stack(losses).mean()
