"""What the linear layers of a model are given while it encodes texts: ranges and second moments of their inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.tokens import Indices, Tokens, micro_batches

_BATCH_TOKENS = 2048
_WIDEST = 8192
"""Input channels of a layer whose second moments are taken: beyond, they and what is done with them take too long."""
_MOST_VALUES = 2**28
"""Second moments that are gathered in one pass over the texts: 1 GiB."""
Watch = Callable[[nn.Module, tuple[Tensor, ...]], None]


@dataclass
class LayerInputs:
    """Linear layers that are given one and the same tensor, by their names in the model, and what is in it.

    `low` and `high` [in] are the smallest and the largest value of each channel, 0 among them; `moments` [in, in] is
    the sum of x x^T over `rows` inputs x, None for layers that are too wide.
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
    for part in _parts(groups):
        hooks = [_taking(group) for group in part]
        with _hooked(hooks), torch.inference_mode():
            for rows in batches:
                encoder.forward(tokens, rows)
    return groups


@dataclass
class _Grouping:
    """Puts layers that are given the same tensor together; they run one after the other."""

    groups: list[LayerInputs] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)
    _last: Tensor | None = None

    def see(self, name: str, layer: nn.Linear, inputs: Tensor) -> None:
        """A layer begins; one that runs several times in a pass is where it was at first."""
        if name not in self._names:
            if inputs is self._last:
                self.groups[-1].layers[name] = layer
            else:
                zero = torch.zeros(inputs.shape[-1], device=inputs.device)
                self.groups.append(LayerInputs({name: layer}, zero, zero))
        self._names.add(name)
        self._last = inputs


def _groups(encoder: SentenceEncoder, tokens: Tokens, rows: Indices) -> list[LayerInputs]:
    layers = {name: module for name, module in encoder.model.named_modules() if isinstance(module, nn.Linear)}
    grouping = _Grouping()

    def seeing(name: str) -> Watch:
        return lambda _, inputs: grouping.see(name, layers[name], inputs[0])

    with _hooked([(layer, seeing(name)) for name, layer in layers.items()]), torch.inference_mode():
        encoder.forward(tokens, rows)
    return grouping.groups


def _parts(groups: Sequence[LayerInputs]) -> Iterator[list[LayerInputs]]:
    """Groups whose moments are gathered together; they get room for them."""
    part: list[LayerInputs] = []
    values = 0
    for group in groups:
        width = len(group.low)
        needed = width**2 if width <= _WIDEST else 0
        if part and values + needed > _MOST_VALUES:
            yield part
            part, values = [], 0
        if needed:
            group.moments = torch.zeros(width, width, device=group.low.device)
        part.append(group)
        values += needed
    if part:
        yield part


def _taking(group: LayerInputs) -> tuple[nn.Module, Watch]:
    return next(iter(group.layers.values())), lambda _, inputs: group.take(inputs[0])


@contextmanager
def _hooked(hooks: Sequence[tuple[nn.Module, Watch]]) -> Iterator[None]:
    """Each module is watched while the block runs."""
    handles = [module.register_forward_pre_hook(watch) for module, watch in hooks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
