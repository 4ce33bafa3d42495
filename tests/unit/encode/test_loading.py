"""A model is loaded as it should be worked with, whatever it was saved as."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from sentence_transformers.util import get_device_name
from transformers import T5Config, T5EncoderModel

from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from vectune.config import TuneConfig
from vectune.encode.loading import load_encoder, load_model, save_model
from vectune.encode.resolve import resolve_model
from vectune.encode.sentence_encoder import SentenceEncoder, tells_limit
from vectune.workflows.tune import tune


@pytest.fixture(params=[torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
def half(request: pytest.FixtureRequest, tiny_model_folder: Path, tmp_path: Path) -> Path:
    """The tiny model saved in two bytes a weight."""
    model = SentenceTransformer(str(tiny_model_folder), device="cpu")
    model.to(request.param)
    model[0].auto_model.config.dtype = request.param
    model.save_pretrained(str(tmp_path / "half"), create_model_card=False)
    (weights,) = (tmp_path / "half").rglob("model.safetensors")
    assert {tensor.dtype for tensor in load_file(weights).values()} == {request.param}
    return tmp_path / "half"


def test_weights_saved_in_two_bytes_are_held_in_four(half: Path) -> None:
    """fp32 means fp32: the weights are those of the file, in single precision."""
    weights = {
        name: weight.dtype for name, weight in load_encoder(str(half), precision="fp32").model.named_parameters()
    }
    assert weights
    assert set(weights.values()) == {torch.float32}


def test_training_moves_weights_saved_in_two_bytes(half: Path, tmp_path: Path) -> None:
    """Norm weights near 1 move by less than bf16 can tell: in fp32 they move, and are saved so."""
    data = write_jsonl(tmp_path / "pairs.jsonl", overlapping_pairs(60))
    settings = {"epochs": 1, "threads": 1, "precision": "bf16", "interpolation": [1.0]}
    config = {"path": str(data), "base": str(half), "out": tmp_path / "run", "train": settings}
    run = tune(TuneConfig.model_validate(config | {"evaluate": {"general": False}}))
    (saved,) = run.model.rglob("model.safetensors")
    (before,) = half.rglob("model.safetensors")
    norms = {name: tensor for name, tensor in load_file(saved).items() if name.endswith("LayerNorm.weight")}
    known = load_file(before)
    assert norms
    assert all(tensor.dtype == torch.float32 for tensor in norms.values())
    moved = [bool((tensor != known[name].float()).any()) for name, tensor in norms.items()]
    assert any(moved)


def test_a_model_without_flash_attention_is_loaded_with_torchs(tiny_model_folder: Path) -> None:
    """No package for it can be had here, as with models that bring attention of their own."""
    model = load_model(resolve_model(str(tiny_model_folder)), "cpu", flash=True)
    assert model[0].model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("limit", [None, -1, 10**30])
def test_a_base_that_tells_no_limit_is_cut_at_512_tokens(tiny_model_folder: Path, limit: int | None) -> None:
    """Tokenizers say that they have none by nothing, a negative number or one beyond what can be counted."""
    model = load_model(resolve_model(str(tiny_model_folder)))
    model.max_seq_length = limit
    model.tokenizer.model_max_length = limit
    encoder = SentenceEncoder(model, "endless")
    assert encoder.max_tokens == 512
    assert encoder.encode(["red1 " * 30]).shape == (1, 32)
    assert SentenceEncoder(model, "endless", max_tokens=100).max_tokens == 100


def test_a_limit_that_was_not_told_is_saved(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Who loads what was tuned of such a base cuts texts where they were cut when it was judged."""
    words = SentenceTransformer(str(tiny_model_folder), device="cpu").tokenizer
    words.model_max_length = 10**30
    words.save_pretrained(tmp_path / "body")
    config = T5Config(vocab_size=len(words), d_model=32, num_layers=1, num_heads=2, d_kv=16, d_ff=64)
    T5EncoderModel(config).save_pretrained(tmp_path / "body")
    parts = [Transformer(str(tmp_path / "body")), Pooling(32, pooling_mode="mean")]
    SentenceTransformer(modules=parts, device="cpu").save(str(tmp_path / "endless"))
    assert not tells_limit(load_model(resolve_model(str(tmp_path / "endless"))))
    encoder = load_encoder(str(tmp_path / "endless"))
    save_model(encoder.model, tmp_path / "tuned")
    assert SentenceTransformer(str(tmp_path / "tuned"), device="cpu").max_seq_length == encoder.max_tokens == 512


def test_a_device_that_was_never_tried_is_not_taken_by_itself(
    tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a Mac the library would take its GPU; vectune takes CUDA or the CPU unless told otherwise."""
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert get_device_name() == "mps"
    assert load_encoder(str(tiny_model_folder)).device.type == "cpu"
