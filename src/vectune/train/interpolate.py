"""Mixing base and tuned weights (WiSE-FT: Wortsman et al., 2021, arXiv 2109.01903; LM-Cocktail, arXiv 2311.13534)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

Weights = Mapping[str, Tensor]


def copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """The model's weights on the CPU, apart from the model."""
    return {name: value.detach().to("cpu", copy=True) for name, value in model.state_dict().items()}


def load_weights(model: nn.Module, weights: Weights) -> None:
    """Put weights into the model, all of them and no others."""
    with torch.no_grad():
        for name, value in model.state_dict().items():
            value.copy_(weights[name])


def mix(base: Weights, tuned: Weights, share: float) -> dict[str, Tensor]:
    """(1 - share) x base + share x tuned, weight by weight; whole numbers (buffers) are the tuned model's."""
    return {
        name: torch.lerp(base[name], value, share) if value.is_floating_point() and share < 1 else value
        for name, value in tuned.items()
    }


def choose_share(
    model: nn.Module, base: Weights, tuned: Weights, shares: Sequence[float], score: Callable[[], float]
) -> tuple[float, dict[float, float]]:
    """Try each share and leave the best in the model: (best share, score of each). The larger share wins a tie."""
    scores: dict[float, float] = {}
    for share in shares:
        load_weights(model, mix(base, tuned, share))
        scores[share] = score()
    best = max(shares, key=lambda share: (scores[share], share))
    load_weights(model, mix(base, tuned, best))
    return best, scores
