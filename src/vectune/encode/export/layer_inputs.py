"""What the linear layers of a model are given while it encodes texts: ranges and second moments of their inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeGuard

import torch
from torch import Tensor, nn

from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.tokens import Indices, Tokens, micro_batches

_BATCH_TOKENS = 2048
_WIDEST = 8192
"""Input channels of a layer whose second moments are taken: beyond, they and what is done with them take too long."""
_MOST_VALUES = 2**29
"""Second moments that are kept of all layers, in the order in which they run: 2 GiB, as much as a model of 24 layers
and 1,024 channels needs."""
Watch = Callable[[Tensor], None]


@dataclass
class LayerInputs:
    """Linear layers that are given one and the same tensor, by their names in the model, and what is in it.

    `low` and `high` [in] are the smallest and the largest value of each channel, 0 among them; `moments` [in, in] is
    the sum of x x^T over `rows` inputs x, None for layers that are too wide or come when there is no more room.
    """

    layers: dict[str, nn.Linear]
    low: Tensor
    high: Tensor
    moments: Tensor | None = None
    rows: int = 0

    @property
    def largest(self) -> Tensor:
        """Largest absolute value of each channel, [in]."""
        return torch.maximum(self.high, -self.low)

    def take(self, inputs: Tensor) -> None:
        """Take in `inputs` [..., in]."""
        flat = inputs.detach().reshape(-1, inputs.shape[-1]).float()
        self.low = torch.minimum(self.low, flat.amin(0))
        self.high = torch.maximum(self.high, flat.amax(0))
        self.rows += len(flat)
        if self.moments is not None:
            self.moments.addmm_(flat.T, flat)


def layer_inputs(encoder: SentenceEncoder, tokens: Tokens) -> list[LayerInputs]:
    """The linear layers of `encoder` in the order in which they run, with what they are given by all texts."""
    batches = list(micro_batches(tokens.lengths, _BATCH_TOKENS, groups=tokens.lengths))  # of one length: no padding
    groups = _groups(encoder, tokens, batches[0])
    _make_room(groups)
    with _hooked([_taking(group) for group in groups]), torch.inference_mode():
        for rows in batches:
            encoder.forward(tokens, rows)
    return groups


@dataclass
class _Grouping:
    """Puts layers that are given the same tensor together; they run one after the other."""

    groups: list[LayerInputs] = field(default_factory=list)
    _homes: dict[str, LayerInputs] = field(default_factory=dict)
    _last: tuple[Tensor, LayerInputs] | None = None

    def see(self, name: str, layer: nn.Linear, inputs: Tensor) -> None:
        """A layer begins; one that runs several times in a pass is where it was at first."""
        if name not in self._homes:
            self._homes[name] = self._home(inputs)
            self._homes[name].layers[name] = layer
        self._last = inputs, self._homes[name]

    def _home(self, inputs: Tensor) -> LayerInputs:
        if self._last is not None and inputs is self._last[0]:
            return self._last[1]
        zero = torch.zeros(inputs.shape[-1], device=inputs.device)
        self.groups.append(LayerInputs({}, zero, zero))
        return self.groups[-1]


def _groups(encoder: SentenceEncoder, tokens: Tokens, rows: Indices) -> list[LayerInputs]:
    layers = {name: one for name, one in encoder.model.named_modules() if _is_linear(one)}
    grouping = _Grouping()

    def seeing(name: str) -> Watch:
        return lambda inputs: grouping.see(name, layers[name], inputs)

    with _hooked([(layer, seeing(name)) for name, layer in layers.items()]), torch.inference_mode():
        encoder.forward(tokens, rows)
    return grouping.groups


def _is_linear(module: nn.Module) -> TypeGuard[nn.Linear]:
    """Whether it is torch's layer: one with a `forward` of its own does more than that one."""
    return isinstance(module, nn.Linear) and type(module).forward is nn.Linear.forward


def _make_room(groups: Sequence[LayerInputs]) -> None:
    """Begin the second moments of as many as there is room for."""
    left = _MOST_VALUES
    for group in groups:
        width = len(group.low)
        if width <= _WIDEST and width**2 <= left:
            group.moments = torch.zeros(width, width, device=group.low.device)
            left -= width**2


def _taking(group: LayerInputs) -> tuple[nn.Module, Watch]:
    return next(iter(group.layers.values())), group.take


@contextmanager
def _hooked(hooks: Sequence[tuple[nn.Module, Watch]]) -> Iterator[None]:
    """Each module is watched while the block runs."""
    handles = [module.register_forward_pre_hook(_on_call(watch), with_kwargs=True) for module, watch in hooks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _on_call(watch: Watch) -> Callable[[nn.Module, tuple[Tensor, ...], dict[str, Tensor]], None]:
    """A hook that hands on what a layer is called with, by its place or by its name."""

    def hook(_: nn.Module, places: tuple[Tensor, ...], names: dict[str, Tensor]) -> None:
        watch(places[0] if places else names["input"])

    return hook
