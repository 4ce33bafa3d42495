"""Rounded weights lie on the grid that a runtime finds, and cost a layer's outputs less than the nearest steps do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vectune.encode.export.rounding import MOST, rounded


def _case(channels: int) -> tuple[Tensor, Tensor]:
    """Weights, and inputs whose channels go together, as those of models do."""
    draw = torch.Generator().manual_seed(1)
    weight = torch.randn(24, channels, generator=draw)
    inputs = torch.randn(2000, 8, generator=draw) @ torch.randn(8, channels, generator=draw)
    return weight, inputs + 0.3 * torch.randn(2000, channels, generator=draw)


@pytest.mark.parametrize("channels", [40, 300])
def test_outputs_move_less_than_with_the_nearest_steps(channels: int) -> None:
    """Within a block of channels and over several: the error of the outputs is well below that of plain rounding."""
    weight, inputs = _case(channels)
    exact = inputs @ weight.T
    nearest = (exact - inputs @ rounded(weight, None).T).square().sum()
    chosen = (exact - inputs @ rounded(weight, inputs.T @ inputs).T).square().sum()
    assert chosen < nearest / 2


@pytest.mark.parametrize("with_moments", [True, False])
def test_the_grid_is_found_again_from_the_values(with_moments: bool) -> None:
    """Each row's largest value is 127 steps, and all others are whole steps: rounded once more, nothing moves."""
    weight, inputs = _case(40)
    found = rounded(weight, inputs.T @ inputs if with_moments else None)
    steps = found.abs().amax(1, keepdim=True) / MOST
    torch.testing.assert_close(steps, weight.abs().amax(1, keepdim=True) / MOST)
    torch.testing.assert_close(found / steps, (found / steps).round(), atol=1e-3, rtol=0)
    assert found.dtype == weight.dtype


def test_inputs_that_are_noise_alone_leave_the_nearest_steps() -> None:
    """With errors in the inputs far above what is in them, no channel can make good for another."""
    weight, inputs = _case(40)
    torch.testing.assert_close(rounded(weight, inputs.T @ inputs, noise=1e12), rounded(weight, None))


def test_rows_and_inputs_of_zeros_stay_zero() -> None:
    """Nothing is divided by nothing: an output that is always 0, and texts that never use a layer."""
    weight, inputs = _case(40)
    weight[3] = 0.0
    found = rounded(weight, inputs.T @ inputs)
    assert (found[3] == 0).all()
    torch.testing.assert_close(rounded(weight, torch.zeros(40, 40)), rounded(weight, None))
