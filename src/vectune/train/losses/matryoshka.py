"""Matryoshka (Kusupati et al., 2022, arXiv 2205.13147): one loss at several lengths of the same vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

_LARGE = 4096  # texts


def matryoshka(
    vectors: Tensor, dims: Sequence[int], loss: Callable[[Tensor], Tensor], *, large: int = _LARGE
) -> Tensor:
    """Mean of `loss` over the first d values of `vectors` [T, D], scaled back to L2 norm 1, for each d of `dims`.

    Costs one forward pass of the model whatever the number of dims. Without dims it is `loss` itself. From `large`
    texts on, only one dim's similarities [T, T] are in memory at a time; each is then computed twice.
    """
    if not dims:
        return loss(vectors)

    def at(dim: int) -> Tensor:
        return loss(vectors if dim == vectors.shape[1] else F.normalize(vectors[:, :dim], dim=1))

    one_by_one = vectors.shape[0] >= large
    losses = [checkpoint(at, dim, use_reentrant=False) if one_by_one else at(dim) for dim in dims]
    return torch.stack(losses).mean()
