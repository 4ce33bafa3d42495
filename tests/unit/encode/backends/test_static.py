"""A token table run by numpy gives the vectors of sentence-transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, StaticEmbedding
from tokenizers import Tokenizer

from tests.fakes.tiny_model import PROMPTS, WORDS
from vectune.encode.backends.static import TableEncoder, is_token_table
from vectune.errors import ModelError
from vectune.records import Role

TEXTS = [" ".join(WORDS[i : i + 1 + i % 90]) for i in range(60)]


@pytest.fixture
def table(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A random table over the tiny model's tokens, saved by sentence-transformers, with prompts."""
    tokenizer = Tokenizer.from_file(str(tiny_model_folder / "tokenizer.json"))
    rows = np.random.default_rng(0).standard_normal((tokenizer.get_vocab_size(), 24)).astype(np.float32)
    module = StaticEmbedding(tokenizer, embedding_weights=rows)
    model = SentenceTransformer(modules=[module, Normalize()], device="cpu", prompts=PROMPTS)
    model.save_pretrained(str(tmp_path / "table"), create_model_card=False)
    return tmp_path / "table"


def test_vectors_are_those_of_sentence_transformers(table: Path) -> None:
    """Both roles, texts of all lengths; nothing is cut."""
    model, ours = SentenceTransformer(str(table), device="cpu"), TableEncoder(table, "table")
    np.testing.assert_allclose(ours.encode(TEXTS, Role.QUERY), model.encode_query(TEXTS), atol=1e-5)
    np.testing.assert_allclose(ours.encode(TEXTS), model.encode_document(TEXTS), atol=1e-5)
    assert ours.dim == 24
    assert ours.count_tokens(["red0 red1", ""]).tolist() == [2, 0]


def test_limit_cuts_and_a_text_without_tokens_is_zero(table: Path) -> None:
    """`max_tokens` counts the prompt; without any token there is nothing to take a mean of."""
    ours = TableEncoder(table, "table", max_tokens=2)
    assert np.allclose(ours.encode(["red5 cat1 cat2"]), ours.encode(["red5"]), atol=1e-6)
    assert ours.encode([]).shape == (0, 24)


def test_table_is_told_from_other_models(table: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    """A transformer is none, nor a table with a layer after it, nor an empty folder."""
    assert is_token_table(table)
    assert not is_token_table(tiny_model_folder)
    assert not is_token_table(tmp_path)
    model = SentenceTransformer(str(table), device="cpu")
    model.append(Dense(24, 8))
    model.save_pretrained(str(tmp_path / "dense"), create_model_card=False)
    assert not is_token_table(tmp_path / "dense")


def test_damaged_table_is_an_error_of_ours(table: Path) -> None:
    """What safetensors raises becomes a sentence."""
    (table / "model.safetensors").write_bytes(b"short")
    with pytest.raises(ModelError, match="can't be read"):
        TableEncoder(table, "table")


@pytest.mark.parametrize("limit", [None, 4])
@pytest.mark.parametrize("role", list(Role))
def test_tokens_give_what_texts_give(table: Path, role: Role, limit: int | None) -> None:
    """Read first and encoded as tokens, or handed over as texts: the same vectors, and counts without the prompt."""
    ours = TableEncoder(table, "table", limit)
    read = ours.tokenise(TEXTS, role)
    assert read.tokens is not None
    np.testing.assert_array_equal(ours.encode_tokens(read.tokens, role), ours.encode(TEXTS, role))
    assert read.counts.tolist() == ours.count_tokens(TEXTS).tolist()
