"""Divisors of input channels: SmoothQuant's where its alpha is given, else those that rounding costs least with."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.unit.encode.conftest import inputs_of
from vectune.encode.export.int8_linear import int8_layers
from vectune.encode.export.layer_inputs import LayerInputs
from vectune.encode.export.smoothing import power_scale, smoothing_scale, widths

_CHANNELS = 48


def _uneven(seed: int) -> tuple[nn.Linear, Tensor]:
    """Channels of very different sizes, some with rare outliers, and weights that are as uneven."""
    torch.manual_seed(seed)
    layer, inputs = nn.Linear(_CHANNELS, 16), torch.randn(2000, _CHANNELS) * torch.randn(_CHANNELS).exp()
    inputs = torch.where(torch.rand_like(inputs) < 0.002, inputs * 20, inputs)
    with torch.no_grad():
        layer.weight *= torch.randn(_CHANNELS).exp()
    return layer, inputs


def _error(layer: nn.Linear, given: LayerInputs, inputs: Tensor, alpha: float | None, apart: tuple[int, ...]) -> float:
    """Mean squared error of the outputs in int8."""
    made = int8_layers(given, alpha, apart)["layer"]
    made.inputs.simulated = True
    with torch.no_grad():
        return float((made(inputs) - layer(inputs)).square().mean())


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("apart", [(), (3, 5)])
def test_the_best_divisors_lose_less_than_any_power(seed: int, apart: tuple[int, ...]) -> None:
    """Not what the search minimises is compared, but what rounding does to the outputs."""
    layer, inputs = _uneven(seed)
    given = inputs_of(layer, inputs)
    best = _error(layer, given, inputs, None, apart)
    assert best < 0.95 * min(_error(layer, given, inputs, alpha, apart) for alpha in (0.5, 0.6, 0.7, 0.8, 0.9))


def test_a_given_alpha_is_smoothquants() -> None:
    """The largest input to its power, over the largest weight to what is left of 1."""
    layer, inputs = _uneven(0)
    largest, weights = inputs.abs().amax(0), layer.weight.detach().abs().amax(0)
    found = smoothing_scale(inputs_of(layer, inputs), 0.6)
    torch.testing.assert_close(found, largest**0.6 / weights**0.4)


def test_channels_apart_have_no_say() -> None:
    """The other channels have the divisors that they have in a layer without them, however large those are."""
    layer, inputs = _uneven(0)
    inputs[:, 7] *= 1000
    without = nn.Linear(_CHANNELS - 1, 16)
    rest = [channel for channel in range(_CHANNELS) if channel != 7]
    without.weight = nn.Parameter(layer.weight.detach()[:, rest])
    found = smoothing_scale(inputs_of(layer, inputs), None, (7,))[rest]
    torch.testing.assert_close(found, smoothing_scale(inputs_of(without, inputs[:, rest])), rtol=0.001, atol=0)


@pytest.mark.parametrize("silent", ["inputs", "weights", "an output", "all inputs", "all weights"])
def test_silent_channels_have_divisors_too(silent: str) -> None:
    """Without inputs or weights nothing tells how a channel is divided best; numbers they are, and the layer works."""
    layer, inputs = _uneven(0)
    with torch.no_grad():
        if silent == "inputs":
            inputs[:, :5] = 0
        elif silent == "weights":
            layer.weight[:, :5] = 0
        elif silent == "an output":
            layer.weight[3] = 0
        elif silent == "all inputs":
            inputs.zero_()
        else:
            layer.weight.zero_()
    given = inputs_of(layer, inputs)
    scale = smoothing_scale(given)
    assert torch.isfinite(scale).all()
    assert (scale > 0).all()
    assert _error(layer, given, inputs, None, ()) <= _error(layer, given, inputs, 0.8, ())


def test_inputs_of_one_sign_are_searched_too() -> None:
    """What comes from ReLU has no lower end."""
    layer, inputs = _uneven(1)
    inputs = inputs.relu()
    given = inputs_of(layer, inputs)
    assert _error(layer, given, inputs, None, ()) < _error(layer, given, inputs, 0.8, ())


def test_nothing_is_searched_without_second_moments() -> None:
    """Layers that are too wide for them have SmoothQuant's divisors."""
    layer, inputs = _uneven(0)
    given = inputs_of(layer, inputs)
    searched = smoothing_scale(given)
    given.moments = None
    assert torch.equal(smoothing_scale(given), power_scale(given, 0.8))
    assert not torch.equal(searched, power_scale(given, 0.8))


def test_the_widest_channels_are_those_with_outliers() -> None:
    """With an alpha or without, a channel of inputs many times as large is told apart from the others."""
    layer, inputs = _uneven(0)
    inputs[:, 11] *= 1e6
    given = inputs_of(layer, inputs)
    assert int(widths(given, None).argmax()) == int(widths(given, 0.5).argmax()) == 11
