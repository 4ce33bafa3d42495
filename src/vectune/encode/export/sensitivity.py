"""Which layers int8 would hurt: each linear layer quantised alone, and the vectors compared.

The same scheme as the real one, simulated in torch: SmoothQuant's scales (Xiao et al., 2023, arXiv 2211.10438), inputs
in 8 bits with one range for the whole tensor, weights in 8 bits with one range for each output. The losses of single
layers add up nearly, so that mending the worst ones brings the sum to what is wanted: first by taking the channels with
outliers apart (`outliers`), which costs little, and where that is not enough by leaving layers in floating point.
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
from vectune.encode.export.outliers import SIDE
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.tokens import micro_batches, pack

_TEXTS = 32
_BATCH_TOKENS = 2048
_LEVELS = 255
_APART = 16  # input channels: as many as a product takes at once, and about as many as hold outliers
_WORTHWHILE = 0.05  # of the loss that is allowed: less does not pay for one more product
Encode = Callable[[], Vectors]


@dataclass
class _Range:
    """Smallest and largest input of each channel, [in]."""

    low: Tensor
    high: Tensor

    @property
    def largest(self) -> Tensor:
        """Largest absolute input of each channel, [in]."""
        return torch.maximum(self.high, -self.low)

    def widen(self, values: Tensor) -> None:
        """Take in `values` [..., in]."""
        flat = values.detach().reshape(-1, values.shape[-1])
        self.low = torch.minimum(self.low, flat.amin(0))
        self.high = torch.maximum(self.high, flat.amax(0))


@dataclass(frozen=True)
class Plan:
    """How the linear layers become int8: `kept` stay as they are, of those in `split` these input channels do; the
    mean loss of cosine that is `predicted`."""

    kept: tuple[str, ...]
    split: Mapping[str, tuple[int, ...]]
    predicted: float

    @property
    def in_floating_point(self) -> tuple[str, ...]:
        """Names of all layers, and parts of layers, that are not quantised."""
        return (*self.kept, *(f"{name}.{SIDE}" for name in self.split))


class Sensitivity:
    """What each linear layer of `encoder` loses in int8; measured once, and asked for as many plans as one likes.

    `token_ids` are calibration texts, of which a few, evenly spread, are encoded for each layer; `smoothing` is
    SmoothQuant's alpha, 0 to 1.
    """

    def __init__(self, encoder: SentenceEncoder, token_ids: Sequence[Sequence[int]], smoothing: float) -> None:
        self._smoothing = smoothing
        self._trial = _trial(encoder, token_ids)
        self._losses = {name: self._trial.loss(name, smoothing, ()) for name in self._trial.ranges}
        self._mended: dict[str, tuple[tuple[int, ...], float]] = {}

    def plan(self, most_loss: float) -> Plan:
        """As few layers taken apart, and then as few kept, as bring the predicted mean loss of cosine (1 - cosine) of
        the vectors to `most_loss` or below."""
        losses, split = dict(self._losses), dict[str, tuple[int, ...]]()
        left = sum(losses.values())
        for name, loss in sorted(self._losses.items(), key=lambda item: -item[1]):
            if left <= most_loss or loss <= most_loss * _WORTHWHILE:
                break
            channels, mended = self._apart(name)
            if loss - mended > most_loss * _WORTHWHILE:
                split[name] = channels
                losses[name] = mended
                left += mended - loss
        kept = []
        for name, loss in sorted(losses.items(), key=lambda item: -item[1]):
            if left <= most_loss:
                break
            kept.append(name)
            split.pop(name, None)
            left -= loss
        return Plan(tuple(kept), split, max(left, 0.0))

    def _apart(self, name: str) -> tuple[tuple[int, ...], float]:
        """The layer's channels with outliers, and what it loses without them; the loss as it was if it has none."""
        if name not in self._mended:
            channels = self._trial.outliers(name, self._smoothing)
            loss = self._trial.loss(name, self._smoothing, channels) if channels else self._losses[name]
            self._mended[name] = channels, loss
        return self._mended[name]


@dataclass(frozen=True)
class _Trial:
    """The model's own vectors, how to get them again, and the ranges of the inputs of each layer that is run."""

    layers: Mapping[str, nn.Linear]
    ranges: Mapping[str, _Range]
    exact: Vectors
    encode: Encode

    def loss(self, name: str, smoothing: float, apart: tuple[int, ...]) -> float:
        """Mean of 1 - cosine when this layer alone is in int8, but for the input channels `apart`."""
        handle = self.layers[name].register_forward_hook(
            _in_int8(self.layers[name], self.ranges[name], smoothing, apart)
        )
        try:
            cosines = np.einsum("nd,nd->n", self.exact, self.encode(), dtype=np.float64)
            return max(float(1 - cosines.mean()), 0.0)  # rounding may put a cosine over 1
        finally:
            handle.remove()

    def outliers(self, name: str, smoothing: float) -> tuple[int, ...]:
        """The input channels whose smoothed range is widest; none of a layer that has hardly more."""
        weight = self.layers[name].weight.detach().float()
        if weight.shape[1] < 2 * _APART:
            return ()
        widths = self.ranges[name].largest / _scale(weight, self.ranges[name], smoothing)
        return tuple(sorted(int(channel) for channel in torch.topk(widths, _APART).indices))


def _trial(encoder: SentenceEncoder, token_ids: Sequence[Sequence[int]]) -> _Trial:
    layers = {name: module for name, module in encoder.model.named_modules() if isinstance(module, nn.Linear)}
    places = np.unique(np.linspace(0, len(token_ids) - 1, min(_TEXTS, len(token_ids))).astype(np.int64))
    tokens = pack([token_ids[place] for place in places])
    batches = list(micro_batches(tokens.lengths, _BATCH_TOKENS))

    def encode() -> Vectors:
        with torch.inference_mode():
            return np.concatenate([encoder.forward(tokens, rows).cpu().numpy() for rows in batches])

    with _watched(layers) as ranges:
        exact = encode()
    return _Trial(layers, ranges, exact, encode)


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


def _scale(weight: Tensor, found: _Range, smoothing: float) -> Tensor:
    """SmoothQuant's divisor of each input channel, [in]."""
    inputs, weights = found.largest.clamp_min(1e-5), weight.abs().amax(0).clamp_min(1e-5)
    return (inputs**smoothing / weights ** (1 - smoothing)).clamp_min(1e-5)


def _in_int8(
    layer: nn.Linear, found: _Range, smoothing: float, apart: tuple[int, ...]
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    """A hook that puts the output of the layer in int8 in place of its own; input channels `apart` stay as they are."""
    weight = layer.weight.detach().float()
    scale = _scale(weight, found, smoothing)
    rest = torch.ones_like(scale).index_fill(0, torch.tensor(apart, dtype=torch.int64, device=scale.device), 0.0)
    low, high = float((found.low / scale * rest).min()), float((found.high / scale * rest).max())
    step = max((high - low) / _LEVELS, 1e-12)
    scaled = weight * scale
    whole = scaled * rest
    rows = whole.abs().amax(1, keepdim=True).clamp_min(1e-12) / (_LEVELS // 2)
    rough, exact = (whole / rows).round() * rows, scaled * (1 - rest)

    def hook(_: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
        inputs = given[0].float() / scale
        steps = ((inputs * rest - low) / step).round().clamp(0, _LEVELS)
        bias = None if layer.bias is None else layer.bias.float()
        return (F.linear(steps * step + low, rough, bias) + F.linear(inputs, exact)).to(output.dtype)

    return hook
