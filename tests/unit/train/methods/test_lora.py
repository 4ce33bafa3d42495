"""Low-rank updates: only they move, they resume exactly, they merge, and peft loads them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch import nn
from transformers import AlbertConfig, AlbertModel, GPT2Config, GPT2Model

from tests.fakes.moved_updates import moved
from tests.fakes.tiny_decoder import save_tiny_decoder
from vectune.config import TrainConfig
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import ModelError
from vectune.monitor.progress import Silent
from vectune.train.interpolate import copy_weights, load_weights, mix
from vectune.train.methods.lora import ADAPTER, Lora, as_if_merged, linear_layers, public_name
from vectune.train.methods.method import Start

TEXTS = ["red1 dog2 cat3", "sun4 bug5", "blue7 " * 30]
CONFIG = TrainConfig(method="lora", lora_rank=4)


def _begun(folder: Path, config: TrainConfig = CONFIG) -> tuple[Lora, SentenceEncoder]:
    method = Lora(config)
    return method, method.begin(load_encoder(str(folder), precision="fp32"), Start((), folder, Silent()))


def test_updates_begin_at_nothing(tiny_model_folder: Path) -> None:
    """The vectors are the base's, and only the low-rank factors are trainable and kept in a checkpoint."""
    expected = load_encoder(str(tiny_model_folder), precision="fp32").encode(TEXTS)
    _, encoder = _begun(tiny_model_folder)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-6)
    trainable = {name for name, weight in encoder.model.named_parameters() if weight.requires_grad}
    assert trainable
    assert all(".lora_" in name for name in trainable)
    assert set(copy_weights(encoder.model)) == trainable


def test_the_seed_decides_where_updates_begin(tiny_model_folder: Path) -> None:
    """Equal seeds give equal factors, others others; torch's own generator is left where it was."""
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first, second = (copy_weights(_begun(tiny_model_folder)[1].model) for _ in range(2))
    assert torch.equal(torch.rand(3), expected)
    other = copy_weights(_begun(tiny_model_folder, CONFIG.model_copy(update={"seed": 1}))[1].model)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def _factor(weights: dict[str, torch.Tensor], part: str) -> torch.Tensor:
    return next(value for name, value in weights.items() if part in name)


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_mixing_scales_the_update(tiny_model_folder: Path, tmp_path: Path, share: float) -> None:
    """A share of the tuned weights is that share of each layer's change, though it has two factors."""
    plain = {name: weight.clone() for name, weight in load_encoder(str(tiny_model_folder)).model.named_parameters()}
    method, encoder = _begun(tiny_model_folder)
    before = copy_weights(encoder.model)
    tuned = copy_weights(moved(encoder).model)
    load_weights(encoder.model, mix(method.unlearnt(before, tuned), tuned, share))
    name = "encoder.layer.0.output.dense"
    method.finish(encoder, tmp_path)
    merged = dict(encoder.model.named_parameters())
    (key,) = [key for key in plain if key.endswith(f"{name}.weight")]
    expected = (
        (_factor(tuned, f"{name}.lora_B.") @ _factor(tuned, f"{name}.lora_A."))
        * CONFIG.lora_alpha
        / CONFIG.lora_rank
        * share
    )
    torch.testing.assert_close(merged[key] - plain[key], expected, atol=1e-6, rtol=1e-4)


def test_merged_and_unmerged_give_the_same_vectors(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Merged, nothing of peft is left in the model; unmerged, peft puts the adapter onto the base: equal vectors."""
    method, encoder = _begun(tiny_model_folder)
    expected = moved(encoder).encode(TEXTS)
    method.finish(encoder, tmp_path)
    assert not [name for name in encoder.model.state_dict() if "lora" in name or "base_layer" in name]
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)
    base = load_encoder(str(tiny_model_folder), precision="fp32")
    assert not np.allclose(base.encode(TEXTS), expected, atol=1e-2)
    with warnings.catch_warnings():  # peft asks transformers by a name that is going out of use
        warnings.simplefilter("ignore", FutureWarning)
        base.model[0].model = PeftModel.from_pretrained(
            base.model[0].model, str(tmp_path / ADAPTER), is_trainable=False
        )
    np.testing.assert_allclose(base.encode(TEXTS), expected, atol=1e-5)


def test_adapter_names_the_base_and_no_folder(tiny_model_folder: Path, tmp_path: Path) -> None:
    """adapter_config.json holds the base's name; no file of the adapter holds a path of this machine."""
    method, encoder = _begun(tiny_model_folder)
    method.finish(encoder, tmp_path)
    config = json.loads((tmp_path / ADAPTER / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == tiny_model_folder.name
    assert config["inference_mode"]
    assert (config["r"], config["lora_alpha"]) == (4, 32)
    assert set(load_file(tmp_path / ADAPTER / "adapter_model.safetensors"))
    for file in (tmp_path / ADAPTER).iterdir():
        assert str(tiny_model_folder.parent).encode() not in file.read_bytes()


def test_names_lose_the_folders_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub name stays whole; of a path, also a relative one that looks like a hub name, the last part is kept."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "mine").mkdir(parents=True)
    assert public_name("sentence-transformers/all-MiniLM-L6-v2") == "sentence-transformers/all-MiniLM-L6-v2"
    assert public_name("models/mine") == "mine"
    assert public_name(str(tmp_path / "models" / "mine")) == "mine"
    assert public_name("/gone/model") == "model"


def _albert() -> nn.Module:
    size = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16, "embedding_size": 8}
    return AlbertModel(AlbertConfig(vocab_size=20, num_hidden_layers=2, **size))


def _gpt2() -> nn.Module:
    return GPT2Model(GPT2Config(vocab_size=20, n_embd=16, n_layer=2, n_head=2))


@pytest.mark.parametrize("build", [_albert, _gpt2])
def test_layers_are_found_in_any_architecture(build: object) -> None:
    """Blocks of any name give their linear layers; embeddings and poolers give none."""
    assert callable(build)
    names = linear_layers(build())
    assert len(names) > 3
    assert not [name for name in names if "embedding" in name or "pooler" in name]


@pytest.mark.parametrize("side", ["left", "right"])
def test_decoder_takes_updates_too(tmp_path: Path, side: str) -> None:
    """A decoder with last-token pooling is updated, merged and gives the vectors it gave unmerged."""
    folder = save_tiny_decoder(tmp_path / "decoder", side=side)
    method, encoder = _begun(folder)
    expected = moved(encoder).encode(TEXTS)
    method.finish(encoder, tmp_path)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)


def test_model_without_blocks_is_refused() -> None:
    """Linear layers outside of a list of blocks are not touched: a model that has no other is refused."""
    with pytest.raises(ModelError, match="no linear layers"):
        linear_layers(nn.Sequential(nn.Linear(4, 4)))


def test_as_if_merged_is_a_copy(tiny_model_folder: Path) -> None:
    """For a while the model has its updates in its weights and gives the same vectors; then it is as it was, to the
    bit."""
    _, encoder = _begun(tiny_model_folder)
    before = copy_weights(moved(encoder).model)
    expected = encoder.encode(TEXTS)
    with as_if_merged(encoder):
        assert not [name for name in encoder.model.state_dict() if "lora" in name]
        np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)
    after = copy_weights(encoder.model)
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)
