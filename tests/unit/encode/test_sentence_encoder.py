"""Our batching gives the vectors that sentence-transformers gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor

from tests.fakes.tiny_model import WORDS, save_tiny_model
from vectune.encode.loading import load_encoder, save_model
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.tokens import Indices, Tokens
from vectune.records import Role

TEXTS = [" ".join(WORDS[i : i + 1 + i % 70]) for i in range(40)]


def test_vectors_are_those_of_sentence_transformers(tiny_model_folder: Path) -> None:
    """Texts of many lengths, sorted and cut into small micro-batches, come back in order with the library's values."""
    encoder = load_encoder(str(tiny_model_folder), precision="fp32")
    encoder.micro_batch_tokens = 256
    expected = encoder.model.encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-6)


def test_prompts_are_put_before_queries_and_documents(tmp_path: Path) -> None:
    """The model's own prompts are applied by role, as encode_query and encode_document do."""
    encoder = load_encoder(str(save_tiny_model(tmp_path / "model", prompts=True)), precision="fp32")
    queries = encoder.encode(TEXTS, Role.QUERY)
    documents = encoder.encode(TEXTS, Role.DOCUMENT)
    np.testing.assert_allclose(queries, encoder.model.encode_query(TEXTS, normalize_embeddings=True), atol=1e-6)
    np.testing.assert_allclose(documents, encoder.model.encode_document(TEXTS, normalize_embeddings=True), atol=1e-6)
    assert np.abs(queries - documents).max() > 1e-3


def test_prompt_is_left_out_of_pooling_when_the_model_says_so(tmp_path: Path) -> None:
    """A model whose pooling skips the prompt gets the prompt's length, also for texts cut at the limit."""
    encoder = load_encoder(str(save_tiny_model(tmp_path / "model", prompts=True)), precision="fp32")
    with_prompt = encoder.encode(TEXTS, Role.QUERY)
    encoder.model.set_pooling_include_prompt(False)
    without = encoder.encode(TEXTS, Role.QUERY)
    np.testing.assert_allclose(without, encoder.model.encode_query(TEXTS, normalize_embeddings=True), atol=1e-6)
    assert np.abs(without - with_prompt).max() > 1e-3


class Cramped(SentenceEncoder):
    """A device with memory for three texts at once, which counts how often it ran out."""

    refused = 0

    def forward(self, tokens: Tokens, rows: Indices) -> Tensor:
        if len(rows) > 3:
            self.refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().forward(tokens, rows)


def test_micro_batches_are_halved_where_memory_runs_out(tiny_model_folder: Path) -> None:
    """The vectors are the same, and the texts that come later are cut small from the start."""
    encoder = load_encoder(str(tiny_model_folder), precision="fp32")
    cramped = Cramped(encoder.model, "cramped", precision="fp32", micro_batch_tokens=512)
    np.testing.assert_allclose(cramped.encode(TEXTS), encoder.encode(TEXTS), atol=1e-6)
    assert cramped.micro_batch_tokens < 256
    assert 0 < cramped.refused < 10
    cramped.refused = 0
    cramped.encode(TEXTS)
    assert cramped.refused == 0


def test_a_text_too_large_for_the_memory_is_an_error(tiny_model_folder: Path) -> None:
    """There is nothing left to halve."""

    class Full(SentenceEncoder):
        def forward(self, tokens: Tokens, rows: Indices) -> Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    model = load_encoder(str(tiny_model_folder)).model
    with pytest.raises(torch.OutOfMemoryError):
        Full(model, "full").encode(TEXTS)


def test_no_texts_give_no_vectors(tiny_model_folder: Path) -> None:
    """An empty list is no error."""
    assert load_encoder(str(tiny_model_folder)).encode([]).shape == (0, 32)


def test_token_counts_are_those_before_the_cut(tiny_model_folder: Path) -> None:
    """A text of 60 words has 62 tokens although the model sees 48."""
    encoder = load_encoder(str(tiny_model_folder))
    assert encoder.count_tokens([" ".join(WORDS[:60])]).tolist() == [62]
    assert encoder.tokenize([" ".join(WORDS[:60])]).lengths.tolist() == [48]


def test_saved_model_loads_with_the_same_vectors(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Saving and loading changes no vector."""
    encoder = load_encoder(str(tiny_model_folder), precision="fp32")
    save_model(encoder.model, tmp_path / "saved")
    again = load_encoder(str(tmp_path / "saved"), precision="fp32")
    np.testing.assert_array_equal(again.encode(TEXTS), encoder.encode(TEXTS))


@pytest.mark.model
def test_packaged_model_in_bf16_stays_close_to_fp32() -> None:
    """bf16 moves no vector of the packaged model by more than .001 in cosine."""
    texts = ["How do I reset my password?", "A cat sat on the mat. " * 30, "x", "SELECT name FROM users WHERE id = 3"]
    exact = load_encoder("all-MiniLM-L6-v2", precision="fp32").encode(texts)
    fast = load_encoder("all-MiniLM-L6-v2", precision="bf16").encode(texts)
    assert (exact * fast).sum(axis=1).min() > 0.999


def test_saved_model_scales_its_vectors_itself(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A base without a module that normalises is saved with one: plain `encode` gives the vectors that were judged."""
    encoder = load_encoder(str(tiny_model_folder), precision="fp32")
    expected = encoder.encode(TEXTS)
    save_model(encoder.model, tmp_path / "saved")
    loaded = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    np.testing.assert_allclose(loaded.encode(TEXTS), expected, atol=1e-6)


def test_saved_weights_are_as_readable_as_the_rest(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Whoever may read the folder's settings may read its weights: the one who serves need not be the one who tuned."""
    save_model(load_encoder(str(tiny_model_folder)).model, tmp_path / "saved")
    modes = {path.stat().st_mode for path in (tmp_path / "saved").rglob("*") if path.is_file()}
    assert len(modes) == 1
