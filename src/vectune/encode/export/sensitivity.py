"""Which layers int8 would hurt: each linear layer quantised alone, and the vectors compared.

The same scheme as the real one, simulated in torch: SmoothQuant's scales (Xiao et al., 2023, arXiv 2211.10438), inputs
in 8 bits with one range for the whole tensor, weights in 8 bits with one range for each output. The losses of single
layers add up nearly, so that leaving out the worst ones brings the sum to what is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vectune.encode.encoder import Vectors
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.tokens import micro_batches, pack

_TEXTS = 32
_BATCH_TOKENS = 2048
_LEVELS = 255
Encode = Callable[[], Vectors]


@dataclass
class _Range:
    """Smallest and largest input of each channel, [in]."""

    low: Tensor
    high: Tensor

    def widen(self, values: Tensor) -> None:
        """Take in `values` [..., in]."""
        flat = values.detach().reshape(-1, values.shape[-1])
        self.low = torch.minimum(self.low, flat.amin(0))
        self.high = torch.maximum(self.high, flat.amax(0))


def layers_to_keep(
    encoder: SentenceEncoder, token_ids: Sequence[Sequence[int]], smoothing: float, most_loss: float
) -> tuple[str, ...]:
    """Names of the linear layers of `encoder.model` that stay as they are, those that hurt most first.

    As few as bring the predicted mean loss of cosine (1 - cosine) of the others to `most_loss` or below. `token_ids`
    are calibration texts, of which a few, evenly spread, are encoded once for each layer.
    """
    losses = layer_losses(encoder, token_ids, smoothing)
    left, keep = sum(losses.values()), []
    for name, loss in sorted(losses.items(), key=lambda item: -item[1]):
        if left <= most_loss:
            break
        keep.append(name)
        left -= loss
    return tuple(keep)


def layer_losses(encoder: SentenceEncoder, token_ids: Sequence[Sequence[int]], smoothing: float) -> Mapping[str, float]:
    """For each linear layer: mean of 1 - cosine of the vectors to the model's own when it alone is in int8."""
    layers = {name: module for name, module in encoder.model.named_modules() if isinstance(module, nn.Linear)}
    places = np.unique(np.linspace(0, len(token_ids) - 1, min(_TEXTS, len(token_ids))).astype(np.int64))
    tokens = pack([token_ids[place] for place in places])
    batches = list(micro_batches(tokens.lengths, _BATCH_TOKENS))

    def encode() -> Vectors:
        with torch.inference_mode():
            return np.concatenate([encoder.forward(tokens, rows).cpu().numpy() for rows in batches])

    with _watched(layers) as ranges:
        exact = encode()
    losses = {}
    for name, layer in layers.items():
        if name not in ranges:  # the model never runs it
            continue
        handle = layer.register_forward_hook(_in_int8(layer, ranges[name], smoothing))
        try:
            losses[name] = float(1 - np.einsum("nd,nd->n", exact, encode()).mean())
        finally:
            handle.remove()
    return losses


@contextmanager
def _watched(layers: Mapping[str, nn.Linear]) -> Iterator[dict[str, _Range]]:
    """The ranges of the layers' inputs while the block runs."""
    ranges: dict[str, _Range] = {}

    def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            zero = torch.zeros(inputs[0].shape[-1], device=inputs[0].device)
            ranges.setdefault(name, _Range(zero, zero)).widen(inputs[0])

        return hook

    handles = [layer.register_forward_pre_hook(watch(name)) for name, layer in layers.items()]
    try:
        yield ranges
    finally:
        for handle in handles:
            handle.remove()


def _in_int8(
    layer: nn.Linear, found: _Range, smoothing: float
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    """A hook that puts the output of the layer in int8 in place of its own."""
    weight = layer.weight.detach().float()
    inputs = torch.maximum(found.high, -found.low).clamp_min(1e-5)
    scale = (inputs**smoothing / weight.abs().amax(0).clamp_min(1e-5) ** (1 - smoothing)).clamp_min(1e-5)
    low, high = float((found.low / scale).min()), float((found.high / scale).max())
    step = max((high - low) / _LEVELS, 1e-12)
    scaled = weight * scale
    rows = scaled.abs().amax(1, keepdim=True).clamp_min(1e-12) / (_LEVELS // 2)
    rough = (scaled / rows).round() * rows

    def hook(_: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
        steps = ((given[0].float() / scale - low) / step).round().clamp(0, _LEVELS)
        bias = None if layer.bias is None else layer.bias.float()
        return F.linear(steps * step + low, rough, bias).to(output.dtype)

    return hook
