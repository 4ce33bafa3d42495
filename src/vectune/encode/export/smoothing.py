"""By how much each input channel of linear layers is divided, and their weights multiplied, before both go to 8 bits.

SmoothQuant (Xiao et al., 2023, arXiv 2211.10438) takes a power of the largest input over one of the largest weight. It
is where the search begins for the divisors that let rounding change the outputs least. To round inputs costs output
variance of step^2 / 12 times the squared weights of each channel, to round weights that times the squared inputs; a
step is the range of all inputs, or of an output's weights, in so many levels. In logarithms of the divisors all of that
is convex, so that there is one best answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vectune.encode.export.layer_inputs import LayerInputs

LEVELS = 255  # steps from the lowest input to the highest
_WEIGHT_LEVELS = 127  # steps on each side of 0
_START = 0.8  # SmoothQuant's alpha
_TINY = 1e-5
_LEAST = 1e-6  # of the mean: channels without inputs or weights would go to no end
_WEIGHTS_SHARE = 0.5  # of their error that is left when what one channel loses is made good by others (`rounding`)
_SHARPNESS = (10.0, 40.0, 160.0, 640.0)
"""Powers by which a largest value is smoothed, one after the other: what is smooth is found soon, and the last is near
enough to the largest value."""
_ITERATIONS = 15  # for each; four times as many find a hundredth more


def power_scale(given: LayerInputs, alpha: float) -> Tensor:
    """SmoothQuant's divisor of each input channel, [in]."""
    weights = torch.stack([layer.weight.detach().float().abs().amax(0) for layer in given.layers.values()]).amax(0)
    scale = given.largest.clamp_min(_TINY) ** alpha / weights.clamp_min(_TINY) ** (1 - alpha)
    return scale.clamp_min(_TINY)


def widths(given: LayerInputs, alpha: float | None) -> Tensor:
    """How wide each input channel is once smoothed, [in]: the widest hold what int8 had best not touch.

    They are told by SmoothQuant's divisors: after the best ones many are as wide as the widest.
    """
    return given.largest / power_scale(given, _START if alpha is None else alpha)


def smoothing_scale(given: LayerInputs, alpha: float | None = None, apart: Sequence[int] = ()) -> Tensor:
    """The divisor of each input channel, [in]: SmoothQuant's with `alpha`, without it the best.

    Channels `apart` have no part in the search. Without second moments of the inputs it isn't done.
    """
    start = power_scale(given, _START if alpha is None else alpha)
    if alpha is not None or given.moments is None:
        return start
    kept = torch.ones(len(start), dtype=torch.bool, device=start.device)
    kept[list(apart)] = False
    weight = torch.cat([layer.weight.detach() for layer in given.layers.values()])[:, kept]
    power = given.moments.diagonal()[kept] / max(given.rows, 1)
    scale = start.clone()
    scale[kept] = _best(_Rounding.of(weight, given.low[kept], given.high[kept], power), start[kept])
    return scale


@dataclass(frozen=True)
class _Rounding:
    """What rounding costs, as a function of the logarithms of the divisors [in].

    Logarithms of the absolute weights [out, in] and of the two ends of the inputs' range [in], the squared weights of
    each channel [in] and the mean squared inputs [in].
    """

    log_weights: Tensor
    log_ends: tuple[Tensor, Tensor]
    squared_weights: Tensor
    power: Tensor

    @classmethod
    def of(cls, weight: Tensor, low: Tensor, high: Tensor, power: Tensor) -> _Rounding:
        """From weights [out, in] and each channel's lowest, highest and mean squared inputs [in]."""
        weight, power = weight.double(), power.double()
        squared = weight.square().sum(0)
        return cls(
            weight.abs().clamp_min(torch.finfo(torch.float32).tiny).log(),
            (high.double().clamp_min(0).log(), (-low).double().clamp_min(0).log()),
            squared + _LEAST * squared.mean() + torch.finfo(torch.float32).tiny,
            power + _LEAST * power.mean() + torch.finfo(torch.float32).tiny,
        )

    def cost(self, log_scale: Tensor, sharpness: float) -> Tensor:
        """The logarithm of the outputs' variance; largest values are smoothed by `sharpness`."""
        ends = [_largest(end - log_scale, sharpness).exp() for end in self.log_ends if torch.isfinite(end).any()]
        step = torch.stack(ends).sum() / LEVELS
        inputs = step.square() * (torch.exp(2 * log_scale) * self.squared_weights).sum()
        steps = _largest(self.log_weights + log_scale, sharpness).exp() / _WEIGHT_LEVELS
        weights = steps.square().sum() * (torch.exp(-2 * log_scale) * self.power).sum()
        return (inputs + _WEIGHTS_SHARE * weights).log()


def _largest(logs: Tensor, sharpness: float) -> Tensor:
    """The largest of the last axis, a little more than it so that it is smooth."""
    return torch.logsumexp(sharpness * logs, -1) / sharpness


def _best(rounding: _Rounding, start: Tensor) -> Tensor:
    """The divisors [in] that cost least, by L-BFGS; `start` where that finds no numbers."""
    if not len(start) or not any(torch.isfinite(end).any() for end in rounding.log_ends):
        return start
    log_scale = start.double().log().requires_grad_(True)
    with torch.enable_grad():
        for sharpness in _SHARPNESS:
            _search(rounding, log_scale, sharpness)
    found = log_scale.detach()
    better = rounding.cost(found, _SHARPNESS[-1]) < rounding.cost(start.double().log(), _SHARPNESS[-1])
    return found.exp().to(start) if bool(better) else start  # what is no number is not better


def _search(rounding: _Rounding, log_scale: Tensor, sharpness: float) -> None:
    """Change `log_scale` in place for less cost."""
    search = torch.optim.LBFGS([log_scale], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        search.zero_grad()
        cost = rounding.cost(log_scale, sharpness)
        cost.backward()  # type: ignore[no-untyped-call]
        return cost

    search.step(closure)  # type: ignore[no-untyped-call]
