"""Decoder bases: the last token's vector, whichever side is padded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoTokenizer, BertConfig, GPT2Config, LlamaConfig, Qwen2Config, T5Config

from tests.fakes.tiny_decoder import save_tiny_decoder, with_chat_template
from tests.fakes.tiny_model import WORDS
from vectune.encode.decoder import is_decoder
from vectune.encode.loading import load_encoder, save_model

TEXTS = [" ".join(WORDS[i : i + 1 + i % 30]) for i in range(20)]


def _by_hand(folder: Path, text: str) -> np.ndarray:
    """The hidden state of the last token of one text, alone, so without any padding; L2 norm 1."""
    tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with torch.inference_mode():
        states = AutoModel.from_pretrained(folder)(**tokens).last_hidden_state[0, -1]
    return torch.nn.functional.normalize(states, dim=0).numpy()


@pytest.mark.parametrize("side", ["left", "right"])
def test_plain_decoder_is_pooled_by_its_last_token(tmp_path: Path, side: str) -> None:
    """Texts of many lengths in one batch have the vectors of the last token that each has alone; a note says so."""
    folder = save_tiny_decoder(tmp_path / "decoder", side=side)
    encoder = load_encoder(str(folder), precision="fp32")
    expected = np.stack([_by_hand(folder, text) for text in TEXTS])
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)
    assert [note for note in encoder.notes if "last token" in note]


@pytest.mark.parametrize("side", ["left", "right"])
def test_saved_decoder_gives_the_same_vectors_elsewhere(tmp_path: Path, side: str) -> None:
    """sentence-transformers alone, which pads on the tokenizer's side, gives the vectors that we give."""
    encoder = load_encoder(str(save_tiny_decoder(tmp_path / "decoder", side=side)), precision="fp32")
    save_model(encoder.model, tmp_path / "saved")
    loaded = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    assert loaded.tokenizer.padding_side == side
    np.testing.assert_allclose(loaded.encode(TEXTS), encoder.encode(TEXTS), atol=1e-5)
    again = load_encoder(str(tmp_path / "saved"), precision="fp32")
    assert again.notes == ()
    np.testing.assert_allclose(again.encode(TEXTS), encoder.encode(TEXTS), atol=1e-6)


def test_missing_padding_token_is_filled_in(tmp_path: Path) -> None:
    """A tokenizer without one pads with its end-of-text token; the model saved from it can be used in batches."""
    encoder = load_encoder(str(save_tiny_decoder(tmp_path / "decoder", padding=False)), precision="fp32")
    assert any("no padding token" in note for note in encoder.notes)
    save_model(encoder.model, tmp_path / "saved")
    loaded = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    np.testing.assert_allclose(loaded.encode(TEXTS), encoder.encode(TEXTS), atol=1e-5)


def test_chat_template_of_a_plain_decoder_is_left_out(tmp_path: Path) -> None:
    """Texts are read as they are, in training, in judging, and by whoever loads the saved model."""
    folder = with_chat_template(save_tiny_decoder(tmp_path / "decoder"))
    encoder = load_encoder(str(folder), precision="fp32")
    assert any("chat template" in note for note in encoder.notes)
    save_model(encoder.model, tmp_path / "saved")
    loaded = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    np.testing.assert_allclose(encoder.encode(TEXTS), np.stack([_by_hand(folder, text) for text in TEXTS]), atol=1e-5)
    np.testing.assert_allclose(loaded.encode(TEXTS), encoder.encode(TEXTS), atol=1e-5)


def test_model_saved_with_its_chat_template_keeps_it(tmp_path: Path) -> None:
    """A model that sentence-transformers saved as one that renders messages is encoded with the template."""
    folder = with_chat_template(save_tiny_decoder(tmp_path / "decoder"))
    SentenceTransformer(str(folder), device="cpu").save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    encoder = load_encoder(str(tmp_path / "saved"), precision="fp32")
    expected = encoder.model.encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)
    assert encoder.tokenize(["dog1"]).lengths[0] > 2


@pytest.mark.parametrize(
    ("config", "decoder"),
    [
        (Qwen2Config(), True),
        (LlamaConfig(), True),
        (GPT2Config(), True),
        (BertConfig(), False),
        (T5Config(), False),
        (Qwen2Config(is_causal=False), False),
    ],
    ids=["qwen2", "llama", "gpt2", "bert", "t5", "qwen2 both ways"],
)
def test_decoders_are_told_by_their_architecture(config: object, decoder: bool) -> None:
    """A decoder is what reads in one direction, whatever head the folder was saved with."""
    assert is_decoder(config) is decoder
