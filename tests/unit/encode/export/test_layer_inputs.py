"""What linear layers are given is found whole: ranges and moments over all texts, without padding."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.unit.encode.conftest import CALIBRATION
from vectune.encode.export import layer_inputs as module
from vectune.encode.export.layer_inputs import layer_inputs
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder

_ATTENTION = "0.model.encoder.layer.1.attention.self"
_DENSE = "0.model.encoder.layer.1.output.dense"


@pytest.fixture
def encoder(tiny_model_folder: Path) -> SentenceEncoder:
    return load_encoder(str(tiny_model_folder), precision="fp32")


def _one_by_one(encoder: SentenceEncoder, name: str) -> Tensor:
    """What the layer is given, [all tokens, in], one text after the other."""
    seen: list[Tensor] = []
    layer = encoder.model.get_submodule(name)
    handle = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0].detach().clone()))
    for text in CALIBRATION:
        encoder.encode([text])
    handle.remove()
    return torch.cat(seen)


def test_ranges_and_moments_are_those_of_all_tokens(encoder: SentenceEncoder) -> None:
    """As if texts went through one by one."""
    groups = layer_inputs(encoder, encoder.tokenize(CALIBRATION))
    for name in (f"{_ATTENTION}.query", _DENSE):
        group = next(group for group in groups if name in group.layers)
        given = _one_by_one(encoder, name)
        assert group.rows == len(given)
        torch.testing.assert_close(group.low, given.amin(0).clamp_max(0), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(group.high, given.amax(0).clamp_min(0), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(group.moments, given.T @ given, rtol=1e-3, atol=1e-3)


def test_layers_with_one_input_are_together(encoder: SentenceEncoder) -> None:
    """Query, key and value read the same tensor; each layer is in one group, in the order in which they run."""
    groups = layer_inputs(encoder, encoder.tokenize(CALIBRATION))
    names = [list(group.layers) for group in groups]
    assert [f"{_ATTENTION}.{part}" for part in ("query", "key", "value")] in names
    assert [_DENSE] in names
    flat = [name for group in names for name in group]
    assert len(flat) == len(set(flat))
    linear = [name for name, one in encoder.model.named_modules() if isinstance(one, torch.nn.Linear)]
    assert set(flat) <= set(linear)


@pytest.mark.parametrize("limit", ["_WIDEST", "_MOST_VALUES"])
def test_without_room_there_are_no_moments(
    encoder: SentenceEncoder, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of layers that are too wide, and when enough is kept; ranges are taken all the same."""
    monkeypatch.setattr(module, limit, 0)
    group = layer_inputs(encoder, encoder.tokenize(CALIBRATION))[0]
    assert group.moments is None
    assert group.rows
    assert (group.high > group.low).all()


class _Added(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        return super().forward(input) + input


class _Unusual(nn.Module):
    """A layer that runs twice, one that reads what that reads at last, one called by name, one that does more."""

    def __init__(self) -> None:
        super().__init__()
        self.twice, self.beside, self.named, self.more = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4), _Added(4, 4)

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        first = self.twice(features["sentence_embedding"][:, :4])
        second = self.twice(first) + self.beside(first)
        found = self.more(self.named(input=second))
        return {**features, "sentence_embedding": found}


def test_unusual_calls_are_followed(encoder: SentenceEncoder) -> None:
    """Each layer has one home, though it runs again; a call by name counts; a layer with more to it is left out."""
    encoder.model.append(_Unusual())
    groups = layer_inputs(encoder, encoder.tokenize(CALIBRATION))
    last = str(len(encoder.model) - 1)
    names = [list(group.layers) for group in groups if next(iter(group.layers)).startswith(f"{last}.")]
    assert names == [[f"{last}.twice", f"{last}.beside"], [f"{last}.named"]]
    assert groups[-1].rows == len(CALIBRATION)
    assert groups[-2].rows == 2 * len(CALIBRATION)
