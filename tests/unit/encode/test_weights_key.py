"""A model's weights have one name, whatever else is said of them."""

from __future__ import annotations

import torch
from torch import nn

from vectune.encode.weights_key import weights_key


def layer(seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(3, 2)


def test_equal_weights_have_one_key_and_others_another() -> None:
    """Of the values alone: another layer with the same ones is the same, one that moved in the last bit is not."""
    moved = layer()
    with torch.no_grad():
        moved.weight[1, 2] = torch.nextafter(moved.weight[1, 2], torch.tensor(9.0))
    assert weights_key(layer()) == weights_key(layer())
    assert len({weights_key(one) for one in (layer(), layer(1), moved)}) == 3


def test_names_count_and_two_byte_weights_are_read() -> None:
    """Equal values under another name are another model; bf16 has no numpy type, and is read all the same."""
    assert weights_key(nn.Sequential(layer())) != weights_key(layer())
    assert weights_key(layer().bfloat16()) == weights_key(layer().bfloat16()) != weights_key(layer())
