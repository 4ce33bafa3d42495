"""Linear layers as int8 runs them: smoothed inputs, rounded weights, and the few channels with outliers apart.

Inputs are divided by a scale for each channel, by which weights are multiplied, so that neither has channels that eat
the 8 bits of the others (`smoothing`). LLM.int8() (Dettmers et al., 2022, arXiv
2208.07339): a handful of channels hold values so large that one range for the whole tensor leaves the others no bits. A
product with those channels alone, in floating point, costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vectune.encode.export.layer_inputs import LayerInputs
from vectune.encode.export.rounding import rounded
from vectune.encode.export.smoothing import LEVELS, smoothing_scale

SIDE = "side"
"""Name, within a layer that was taken apart, of the part that stays in floating point."""
_ROWS_A_CHANNEL = 4
"""Second moments of fewer inputs for each channel tell of those inputs alone: weights rounded by them are worse on
others than weights that are rounded to the nearest step."""


@dataclass
class _Last:
    """Inputs and what was made of them; not a tensor of the module's own, which exporters take for its state."""

    inputs: Tensor | None = None
    given: Tensor | None = None


class SmoothedInputs(nn.Module):
    """Inputs times `factor` [in], made once for all layers that are given the same tensor.

    `low` and `high` are the range of the products. While `simulated`, products are rounded to 8 bits in that range.
    """

    def __init__(self, factor: Tensor, low: float, high: float) -> None:
        super().__init__()
        self.factor: Tensor
        self.register_buffer("factor", factor, persistent=False)
        self.low, self.step = low, max((high - low) / LEVELS, 1e-12)
        self.simulated = False
        self._last = _Last()

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., in] to the same shape."""
        if self._last.given is None or self._last.inputs is not inputs:
            self._last.inputs, self._last.given = inputs, self._made(inputs)
        return self._last.given

    def forget(self) -> None:
        """Let go of the last inputs."""
        self._last = _Last()

    def _made(self, inputs: Tensor) -> Tensor:
        products = inputs * self.factor
        if not self.simulated:
            return products
        return ((products - self.low) / self.step).round().clamp(0, LEVELS) * self.step + self.low


class Int8Linear(nn.Module):
    """`layer` with smoothed inputs and rounded weights, its input `channels` apart; what it gives is the layer's but
    for rounding."""

    def __init__(self, layer: nn.Linear, inputs: SmoothedInputs, weight: Tensor, channels: Sequence[int]) -> None:
        super().__init__()
        chosen = torch.tensor(sorted(channels), dtype=torch.int64, device=layer.weight.device)
        self.inputs = inputs
        self.channels: Tensor
        self.register_buffer("channels", chosen, persistent=False)
        self.main = _linear(weight.to(layer.weight.dtype), layer.bias)
        self.side = _linear(layer.weight.detach()[:, chosen], None) if len(chosen) else None

    @property
    def weight(self) -> Tensor:
        """The rounded weights [out, in]: some models look at their type before they call a layer."""
        return self.main.weight

    @property
    def bias(self) -> Tensor | None:
        """As the layer's."""
        return self.main.bias

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - called as torch's own layer is
        """[..., in] to [..., out]."""
        found: Tensor = self.main(self.inputs(input))
        if self.side is None:
            return found
        apart: Tensor = self.side(input.index_select(-1, self.channels))
        return found + apart


def int8_layers(given: LayerInputs, smoothing: float | None, apart: Sequence[int] = ()) -> dict[str, Int8Linear]:
    """The layers that are `given` the same inputs, by their names, with the input channels `apart` in floating point.

    `smoothing` is SmoothQuant's alpha, 0 to 1; None for the divisors that rounding costs least with.
    """
    scale = smoothing_scale(given, smoothing, apart)
    rest = torch.ones_like(scale)
    rest[list(apart)] = 0.0
    factor = rest / scale
    low, high = float((given.low * factor).min()), float((given.high * factor).max())
    inputs = SmoothedInputs(factor, min(low, 0.0), max(high, 0.0))
    moments = given.moments if given.rows >= _ROWS_A_CHANNEL * len(scale) else None
    if moments is not None:
        moments = moments * factor[:, None] * factor
    noise = given.rows * inputs.step**2 / 12  # the variance of what rounding to steps loses
    return {
        name: Int8Linear(layer, inputs, rounded(layer.weight.detach().float() * scale * rest, moments, noise), apart)
        for name, layer in given.layers.items()
    }


@contextmanager
def in_place(model: nn.Module, layers: Mapping[str, Int8Linear]) -> Iterator[None]:
    """Within the block `layers` stand in the model under their names; afterwards its own are there as before."""
    before = {name: model.get_submodule(name) for name in layers}
    try:
        for name, layer in layers.items():
            _put(model, name, layer)
        yield
    finally:
        for name, own in before.items():
            _put(model, name, own)
            layers[name].inputs.forget()


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    layer.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
    return layer


def _put(model: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, layer)
