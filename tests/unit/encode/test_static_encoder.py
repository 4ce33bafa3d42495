"""A token table read by our encoder gives the vectors of sentence-transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from tests.fakes.static_model import save_static_model
from tests.fakes.tiny_model import WORDS
from vectune.encode.loading import load_encoder, save_model
from vectune.encode.space import space_of
from vectune.encode.static_encoder import NO_LIMIT, StaticEncoder, is_static
from vectune.monitor.progress import Silent
from vectune.records import Role

TEXTS = [" ".join(WORDS[i : i + 1 + i % 70]) for i in range(40)]


class Counting(Silent):
    """Remembers how far it came."""

    def __init__(self) -> None:
        self.amount = 0

    def advance(self, amount: int = 1, **values: float) -> None:
        self.amount += amount


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A saved table of random rows, with a dense layer after it and a prompt for queries."""
    return save_static_model(tmp_path / "static")


def test_vectors_are_those_of_sentence_transformers(folder: Path) -> None:
    """Texts of all lengths, in order, with the role's prompt, through the modules after the table."""
    encoder = load_encoder(str(folder))
    assert isinstance(encoder, StaticEncoder)
    queries = encoder.model.encode_query(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode(TEXTS, Role.QUERY), queries, atol=1e-6)
    np.testing.assert_allclose(
        encoder.encode(TEXTS), encoder.model.encode_document(TEXTS, normalize_embeddings=True), atol=1e-6
    )
    assert encoder.encode(TEXTS).shape == (len(TEXTS), 6)


def test_texts_without_a_token_have_no_direction(folder: Path) -> None:
    """An empty text is a vector of zeros in the table, and never of NaN; no texts are no vectors."""
    encoder = load_encoder(str(folder))
    assert np.isfinite(encoder.encode(["", "red1", ""])).all()
    assert encoder.encode([]).shape == (0, 6)


def test_progress_and_blocks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut into blocks, texts keep their order and are counted one by one."""
    from vectune.encode import static_encoder

    encoder, seen = load_encoder(str(folder)), Counting()
    expected = encoder.encode(TEXTS)
    monkeypatch.setattr(static_encoder, "_BLOCK", 7)  # so that a small test has several
    np.testing.assert_allclose(encoder.encode(TEXTS, progress=seen), expected, atol=1e-6)
    assert seen.amount == len(TEXTS)


def test_texts_are_cut_only_on_demand(folder: Path) -> None:
    """A table has no limit of tokens; with one, texts are cut there."""
    long = " ".join(WORDS * 5)
    encoder = load_encoder(str(folder))
    assert encoder.max_tokens == NO_LIMIT
    assert encoder.count_tokens([long, ""]).tolist() == [1000, 0]
    assert encoder.tokenize([long]).lengths.tolist() == [1000]
    assert encoder.tokenize([long], max_tokens=9).lengths.tolist() == [9]
    assert load_encoder(str(folder), max_tokens=7).tokenize([long]).lengths.tolist() == [7]


def test_saved_table_loads_with_the_same_vectors(folder: Path, tmp_path: Path) -> None:
    """Saving changes no vector, and the space has whole numbers."""
    encoder = load_encoder(str(folder))
    save_model(encoder.model, tmp_path / "saved")
    loaded = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    np.testing.assert_allclose(loaded.encode(TEXTS, prompt=""), encoder.encode(TEXTS), atol=1e-6)
    assert is_static(loaded)
    assert space_of(encoder, tmp_path / "saved").max_tokens == NO_LIMIT
