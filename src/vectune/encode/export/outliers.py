"""Linear layers in two parts: the few input channels with outliers in floating point, all others in int8.

LLM.int8() (Dettmers et al., 2022, arXiv 2208.07339): a handful of channels hold values so large that one range for the
whole tensor leaves the others no bits. A product with those channels alone costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

SIDE = "side"
"""Name, within a layer that was taken apart, of the part that stays in floating point."""


class SplitLinear(nn.Module):
    """`layer` with its input `channels` apart; the outputs are the layer's own but for rounding."""

    def __init__(self, layer: nn.Linear, channels: Sequence[int]) -> None:
        super().__init__()
        chosen = torch.tensor(sorted(channels), dtype=torch.int64, device=layer.weight.device)
        weight = layer.weight.detach()
        self.rest: Tensor
        self.channels: Tensor
        self.register_buffer("channels", chosen, persistent=False)
        self.register_buffer("rest", torch.ones_like(weight[0]).index_fill(0, chosen, 0.0), persistent=False)
        self.main = _linear(weight * self.rest, layer.bias)
        self.side = _linear(weight[:, chosen], None)

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., in] to [..., out]."""
        found: Tensor = self.main(inputs * self.rest) + self.side(inputs.index_select(-1, self.channels))
        return found


@contextmanager
def split_layers(model: nn.Module, channels: Mapping[str, Sequence[int]]) -> Iterator[None]:
    """Within the block the linear layers called as the keys are taken apart; afterwards they are as before."""
    layers = {name: model.get_submodule(name) for name in channels}
    try:
        for name, layer in layers.items():
            assert isinstance(layer, nn.Linear)
            _put(model, name, SplitLinear(layer, channels[name]))
        yield
    finally:
        for name, layer in layers.items():
            _put(model, name, layer)


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    layer.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
    return layer


def _put(model: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, layer)
