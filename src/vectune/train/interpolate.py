"""Mixing base and tuned weights (WiSE-FT: Wortsman et al., 2021, arXiv 2109.01903; LM-Cocktail, arXiv 2311.13534)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Weights = Mapping[str, Tensor]


def copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """The model's weights on the CPU, apart from the model; those that are frozen are left out."""
    frozen = {name for name, weight in model.named_parameters(remove_duplicate=False) if not weight.requires_grad}
    state = model.state_dict()
    return {name: value.detach().to("cpu", copy=True) for name, value in state.items() if name not in frozen}


def load_weights(model: nn.Module, weights: Weights) -> None:
    """Put the weights that `copy_weights` gave, or mixtures of them, into the model."""
    state = model.state_dict()
    with torch.no_grad():
        for name, value in weights.items():
            state[name].copy_(value)


def mix(base: Weights, tuned: Weights, share: float) -> dict[str, Tensor]:
    """(1 - share) x base + share x tuned, weight by weight; whole numbers (buffers) are the tuned model's."""
    return {
        name: torch.lerp(base[name], value, share) if value.is_floating_point() and share < 1 else value
        for name, value in tuned.items()
    }


@dataclass(frozen=True)
class Guard:
    """What a mixture must keep: `measure` of the present weights may fall `most_lost` below the base's, no further."""

    measure: Callable[[], float]
    most_lost: float


@dataclass(frozen=True)
class Tried:
    """What came of one share: the score on dev, and the guard's measure (None without a guard)."""

    score: float
    kept: float | None


def choose_share(
    model: nn.Module,
    base: Weights,
    tuned: Weights,
    shares: Sequence[float],
    score: Callable[[], float],
    guard: Guard | None = None,
) -> tuple[float, dict[float, Tried]]:
    """Try each share and leave the best in the model: (best share, what came of each). The larger share wins a tie.

    Shares that lose more than the guard allows are left out; where all do, the smallest is taken.
    """
    least = -math.inf
    if guard is not None:
        load_weights(model, base)
        least = guard.measure() - guard.most_lost
    tried: dict[float, Tried] = {}
    for share in shares:
        load_weights(model, mix(base, tuned, share))
        tried[share] = Tried(score(), guard.measure() if guard else None)
    admitted = [share for share, found in tried.items() if found.kept is None or found.kept >= least] or [min(shares)]
    best = max(admitted, key=lambda share: (tried[share].score, share))
    load_weights(model, mix(base, tuned, best))
    return best, tried
