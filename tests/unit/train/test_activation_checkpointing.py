"""Layers that keep their inputs alone: the same gradients from less memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.train.activation_checkpointing import activation_checkpointing


def gradients(model: nn.Module, output: Tensor) -> list[Tensor]:
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    return [part for part in torch.autograd.grad(output, weights, allow_unused=True) if part is not None]


def kept_bytes(encoder: SentenceEncoder) -> int:
    kept: dict[int, int] = {}

    def note(value: Tensor) -> Tensor:
        kept[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
        vectors = forward(encoder)
    assert vectors.requires_grad
    return sum(kept.values())


def forward(encoder: SentenceEncoder) -> Tensor:
    return encoder.forward(encoder.tokenize(["red1 cat2 " * 20] * 8), np.arange(8))


def test_transformer_layers_are_computed_twice_in_eval_mode(tiny_model_folder: Path) -> None:
    """Gradients are equal, less is kept, the model stays in eval mode, and afterwards it is as it was."""
    encoder = load_encoder(str(tiny_model_folder))
    expected = gradients(encoder.model, forward(encoder)[:, :5].sum())
    before = kept_bytes(encoder)
    with activation_checkpointing(encoder.model) as layers:
        output = forward(encoder)[:, :5].sum()
        after = kept_bytes(encoder)
    assert layers == 2
    assert after < 0.6 * before
    assert not any(module.training for module in encoder.model.modules())
    assert not any("forward" in vars(module) for module in encoder.model.modules())
    found = gradients(encoder.model, output)
    assert len(found) == len(expected) > 20
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


class Blocks(nn.Module):
    """A list of blocks that are not marked as transformer layers, with dropout and a cache that they would fill."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(3))

    def forward(self, value: Tensor, past_key_values: list[Tensor] | None) -> Tensor:
        for block in self.blocks:
            value = block(value, past_key_values=past_key_values, use_cache=True)
        return value


class Block(nn.Module):
    """Linear and dropout; counts what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)
        self.given: list[tuple[object, bool]] = []

    def forward(self, value: Tensor, past_key_values: list[Tensor] | None, use_cache: bool) -> Tensor:
        self.given.append((past_key_values, use_cache))
        return nn.functional.dropout(self.linear(value), 0.5, training=True)


def test_blocks_of_any_model_draw_the_same_numbers_and_fill_no_cache() -> None:
    """Without marked layers the longest list of modules is taken; dropout repeats itself; caches are left out."""
    model = Blocks()
    value = torch.randn(4, 6)
    torch.manual_seed(1)
    expected = gradients(model, model(value, []).square().sum())
    torch.manual_seed(1)
    with activation_checkpointing(model) as layers:
        output = model(value, []).square().sum()
    found = gradients(model, output)
    assert layers == 3
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    assert model.blocks[0].given == [([], True), (None, False), (None, False)]


def test_a_model_without_layers_stays_as_it_is() -> None:
    """Nothing to compute twice: nothing changes, and the number says so."""
    with activation_checkpointing(nn.Linear(2, 2)) as layers:
        assert layers == 0


def test_it_is_off_again_after_an_error() -> None:
    """An out-of-memory inside the block leaves no trace on the model."""
    model = Blocks()
    with pytest.raises(torch.OutOfMemoryError), activation_checkpointing(model):
        raise torch.OutOfMemoryError("full")
    assert not any("forward" in vars(block) for block in model.blocks)
