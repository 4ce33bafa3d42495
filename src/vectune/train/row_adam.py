"""AdamW that touches only the rows of a table that a step has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw


class RowAdamW(torch.optim.Optimizer):
    """AdamW (Loshchilov and Hutter, 2017, arXiv 1711.05101) for weights whose gradient may be sparse.

    A sparse gradient holds some rows of a table: these rows and their moments are updated and no others, so that a step
    costs what its texts cost and not what the table costs. Moments of rows that were not seen stay as they are
    ("lazy" Adam); bias correction goes by the number of steps. A dense gradient gets the usual update.
    """

    def __init__(self, params: Iterable[Any], lr: float = 0.0, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": 1e-8, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every weight that has a gradient; `closure` is not used."""
        for group in self.param_groups:
            moving = [weight for weight in group["params"] if weight.grad is not None]
            for weight in moving:
                self._prepare(weight)
            self._update_dense([weight for weight in moving if not weight.grad.is_sparse], group)
            for weight in moving:
                if weight.grad.is_sparse:
                    self._update_rows(weight, weight.grad.coalesce(), group)

    def _prepare(self, weight: Tensor) -> None:
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros((), device=weight.device)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(weight), torch.zeros_like(weight)

    def _update_dense(self, weights: Sequence[Tensor], group: dict[str, Any]) -> None:
        """torch's own fused update of all weights at once."""
        if not weights:
            return
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        moments = [[self.state[weight][name] for weight in weights] for name in ("exp_avg", "exp_avg_sq", "step")]
        slow, slower = group["betas"]
        adamw(
            list(weights), gradients, moments[0], moments[1], [], moments[2], fused=True,
            amsgrad=False, beta1=slow, beta2=slower, lr=group["lr"], weight_decay=group["weight_decay"],
            eps=group["eps"], maximize=False,
        )  # fmt: skip

    def _update_rows(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        state["step"] += 1
        rows = gradient.indices()[0]
        first, second = state["exp_avg"][rows], state["exp_avg_sq"][rows]
        move = _moved(first, second, gradient.values(), float(state["step"]), group)
        state["exp_avg"].index_copy_(0, rows, first)
        state["exp_avg_sq"].index_copy_(0, rows, second)
        weight.index_add_(0, rows, move, alpha=-1)


def _moved(first: Tensor, second: Tensor, gradient: Tensor, step: float, group: dict[str, Any]) -> Tensor:
    """What to subtract from the weights; both moments are brought up to date in place."""
    slow, slower = group["betas"]
    first.lerp_(gradient, 1 - slow)
    second.mul_(slower).addcmul_(gradient, gradient, value=1 - slower)
    scale = (second / (1 - slower**step)).sqrt_().add_(group["eps"])
    return torch.div(first, scale).mul_(group["lr"] / (1 - slow**step))


def clip_gradients(weights: Iterable[Tensor], largest: float) -> Tensor:
    """Scale all gradients so that their common L2 norm is at most `largest`; the norm that it was before, a scalar.

    A sparse gradient counts by the rows that it holds.
    """
    values = []
    for weight in weights:
        if weight.grad is None:
            continue
        if weight.grad.is_sparse:
            weight.grad = weight.grad.coalesce()
            values.append(weight.grad.values())
        else:
            values.append(weight.grad)
    norm: Tensor = torch.nn.utils.get_total_norm(values)
    scale = torch.clamp(largest / (norm + 1e-6), max=1.0)
    for value in values:
        value.mul_(scale.to(value.device))
    return norm
