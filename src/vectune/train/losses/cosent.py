"""CoSENT (Su, 2022): pairs with a higher gold score must have a higher cosine."""

from __future__ import annotations

import torch
from torch import Tensor


def cosent(first: Tensor, second: Tensor, gold: Tensor, *, temperature: float = 0.05) -> Tensor:
    """log(1 + sum of exp((cos_j - cos_i) / temperature)) over all i, j of the batch with gold_i > gold_j.

    `first` and `second` [P, D] have L2 norm 1; `gold` [P] on any scale, only its order counts. A batch without two
    different gold scores has loss 0.
    """
    cosines = (first * second).sum(dim=1) / temperature
    differences = cosines[None, :] - cosines[:, None]
    higher = gold[:, None] > gold[None, :]
    exponents = torch.cat([differences.new_zeros(1), differences[higher]])
    return torch.logsumexp(exponents, dim=0)
