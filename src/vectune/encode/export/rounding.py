"""Weights rounded to 8 bits so that the outputs of a layer move least, which is not when each weight does.

GPTQ (Frantar et al., 2022, arXiv 2210.17323): input channel by input channel, what rounding took from the outputs is
given to the channels that are not rounded yet. How much they can make good is told by the second moments of the inputs.
"""

from __future__ import annotations

import torch
from torch import Tensor

MOST = 127  # steps on each side of 0, as runtimes count them
_BLOCK = 128  # channels whose errors are handed on at once, for speed alone
_DAMPING = 1e-4  # of the mean second moment: inputs that are known no better must not be trusted further
_TINY = 1e-12


def rounded(weight: Tensor, moments: Tensor | None, noise: float = 0.0) -> Tensor:
    """`weight` [out, in] with each row on a grid of its own, from -127 to 127 steps, of which the largest entry is one
    end: whoever takes the grid from the values finds the same one.

    `moments` [in, in] is the sum of x x^T over inputs x, `noise` the sum of squared errors that each channel of them
    will have, being rounded itself. Without moments each entry goes to its nearest step.
    """
    steps = weight.abs().amax(1, keepdim=True).clamp_min(_TINY) / MOST
    if moments is None:
        return (weight / steps).round() * steps
    order = torch.argsort(moments.diagonal(), descending=True)  # the channels that matter most while all can make good
    shares = _shares(moments[order][:, order].double().cpu(), noise)
    found = _in_order(weight[:, order].double().cpu(), steps.double().cpu(), shares)
    return found[:, torch.argsort(order).cpu()].to(weight)


def _shares(moments: Tensor, noise: float) -> Tensor:
    """How much of a channel's error, in units of its own, each later channel takes: upper triangular, [in, in]."""
    certain = moments + torch.eye(len(moments), dtype=moments.dtype) * max(
        noise + _DAMPING * float(moments.diagonal().mean()), _TINY
    )
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(certain))
    shares: Tensor = torch.linalg.cholesky(inverse, upper=True)
    return shares


def _in_order(weight: Tensor, steps: Tensor, shares: Tensor) -> Tensor:
    """Column after column on its grid; the columns behind are changed by what that cost."""
    left, ends = weight.clone(), weight.abs().argmax(1)
    for begin in range(0, weight.shape[1], _BLOCK):
        end = min(begin + _BLOCK, weight.shape[1])
        errors = torch.zeros_like(left[:, begin:end])
        for column in range(begin, end):
            found = (left[:, column] / steps[:, 0]).round().clamp(-MOST, MOST)
            found = torch.where(ends == column, weight[:, column].sign() * MOST, found) * steps[:, 0]
            error = (left[:, column] - found) / shares[column, column]
            left[:, column:end] -= error[:, None] * shares[column, column:end]
            left[:, column] = found
            errors[:, column - begin] = error
        left[:, end:] -= errors @ shares[begin:end, end:]
    return left
