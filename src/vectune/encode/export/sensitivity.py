"""Which layers int8 would hurt: those that share their inputs are put in int8 alone, and the vectors compared.

The layers that are tried are the ones that are exported (`int8_linear`), their inputs rounded in torch as the runtime
will. The losses of single ones add up nearly, so that mending the worst ones brings the sum to what is wanted: first by
taking the channels with outliers apart, which costs little, and where that is not enough by leaving layers in floating
point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vectune.encode.encoder import Vectors
from vectune.encode.export.int8_linear import SIDE, Int8Linear, in_place, int8_layers
from vectune.encode.export.layer_inputs import LayerInputs, layer_inputs
from vectune.encode.export.smoothing import widths
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.tokens import micro_batches, pack

_TEXTS = 32
_BATCH_TOKENS = 2048
_APART = 16  # input channels: as many as a product takes at once, and about as many as hold outliers
_WORTHWHILE = 0.05  # of the loss that is allowed: less does not pay for one more product


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


@dataclass(frozen=True)
class _Tried:
    """What it costs to put layers that share their inputs in int8 with the input channels `apart`."""

    apart: tuple[int, ...]
    loss: float


class Sensitivity:
    """What the linear layers of `encoder` lose in int8; measured once, and asked for as many plans as one likes.

    `token_ids` are calibration texts, of which a few, evenly spread, are encoded for each trial; where there are
    enough, weights are not rounded by those. `smoothing` is SmoothQuant's alpha,
    0 to 1, None for the best divisors.
    """

    def __init__(self, encoder: SentenceEncoder, token_ids: Sequence[Sequence[int]], smoothing: float | None) -> None:
        self._encoder = encoder
        self._smoothing = smoothing
        places = np.unique(np.linspace(0, len(token_ids) - 1, min(_TEXTS, len(token_ids))).astype(np.int64))
        others = np.setdiff1d(np.arange(len(token_ids)), places)
        self._tokens = pack([token_ids[place] for place in places])
        self._exact = self._vectors()
        told = others if len(others) >= len(places) else range(len(token_ids))
        self._given = layer_inputs(encoder, pack([token_ids[place] for place in told]))
        self._whole = [self._tried(given, ()) for given in self._given]
        self._mended: dict[int, _Tried] = {}

    def plan(self, most_loss: float) -> Plan:
        """As few layers taken apart, and then as few kept, as bring the predicted mean loss of cosine (1 - cosine) of
        the vectors to `most_loss` or below."""
        chosen, kept = self._chosen(most_loss)
        names = [name for place in kept for name in self._given[place].layers]
        split = {name: one.apart for place, one in chosen.items() if one.apart for name in self._given[place].layers}
        return Plan(tuple(names), split, max(sum(one.loss for one in chosen.values()), 0.0))

    def layers(self, most_loss: float) -> dict[str, Int8Linear]:
        """The layers that the plan for `most_loss` puts in int8, as they are then, by their names. Made when they are
        asked for: kept, they would be a second model in memory."""
        made: dict[str, Int8Linear] = {}
        for place, one in self._chosen(most_loss)[0].items():
            made |= int8_layers(self._given[place], self._smoothing, one.apart)
        return made

    def _chosen(self, most_loss: float) -> tuple[dict[int, _Tried], list[int]]:
        """What becomes int8, and how, by places in the order in which they run; and what is kept, the worst first."""
        chosen = dict(enumerate(self._whole))
        left = sum(one.loss for one in self._whole)
        for place in sorted(chosen, key=lambda place: -chosen[place].loss):
            loss = chosen[place].loss
            if left <= most_loss or loss <= most_loss * _WORTHWHILE:
                break
            mended = self._apart(place)
            if loss - mended.loss > most_loss * _WORTHWHILE:
                chosen[place] = mended
                left += mended.loss - loss
        kept = []
        for place in sorted(chosen, key=lambda place: -chosen[place].loss):
            if left <= most_loss:
                break
            kept.append(place)
            left -= chosen.pop(place).loss
        return chosen, kept

    def _apart(self, place: int) -> _Tried:
        """The layers with their channels with outliers apart; as they were if they have none."""
        if place not in self._mended:
            given = self._given[place]
            wide = widths(given, self._smoothing)
            channels = torch.topk(wide, _APART).indices.tolist() if len(wide) >= 2 * _APART else []
            self._mended[place] = self._tried(given, tuple(sorted(channels))) if channels else self._whole[place]
        return self._mended[place]

    def _tried(self, given: LayerInputs, apart: tuple[int, ...]) -> _Tried:
        """The mean of 1 - cosine when these layers alone are in int8."""
        layers = int8_layers(given, self._smoothing, apart)
        inputs = {layer.inputs for layer in layers.values()}
        try:
            for one in inputs:
                one.simulated = True
            with in_place(self._encoder.model, layers):
                cosines = np.einsum("nd,nd->n", self._exact, self._vectors(), dtype=np.float64)
        finally:
            for one in inputs:
                one.simulated = False
        return _Tried(apart, max(float(1 - cosines.mean()), 0.0))  # rounding may put a cosine over 1

    def _vectors(self) -> Vectors:
        batches = micro_batches(self._tokens.lengths, _BATCH_TOKENS)
        with torch.inference_mode():
            return np.concatenate([self._encoder.forward(self._tokens, rows).cpu().numpy() for rows in batches])
