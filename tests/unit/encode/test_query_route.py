"""A saved model with an adapter gives the same vectors with and without vectune."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from tests.fakes.tiny_model import save_tiny_model
from tests.unit.encode.test_adapted import random_adapter
from vectune.encode.adapted import AdaptedEncoder, read_adapter
from vectune.encode.loading import load_encoder
from vectune.encode.query_route import save_adapted_model
from vectune.errors import ModelError
from vectune.records import Role

TEXTS = ["red1 dog2 cat3", "sun4 bug5", "rain1"]


@pytest.mark.parametrize("prompts", [False, True])
def test_sentence_transformers_gives_the_same_vectors(tmp_path: Path, prompts: bool) -> None:
    """encode_query is the adapted query, encode_document the base's document, encode alone the base's text."""
    encoder = load_encoder(str(save_tiny_model(tmp_path / "base", prompts=prompts)), precision="fp32")
    adapter = random_adapter()
    adapted = AdaptedEncoder(encoder, adapter, "tuned")
    queries, documents = adapted.encode(TEXTS, Role.QUERY), adapted.encode(TEXTS)
    plain = encoder.model.encode(TEXTS, normalize_embeddings=True)
    save_adapted_model(encoder, adapter, tmp_path / "saved")
    loaded = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    np.testing.assert_allclose(loaded.encode_query(TEXTS), queries, atol=1e-5)
    np.testing.assert_allclose(loaded.encode_document(TEXTS), documents, atol=1e-6)
    np.testing.assert_allclose(loaded.encode(TEXTS), plain, atol=1e-6)
    assert np.abs(queries - encoder.encode(TEXTS, Role.QUERY)).max() > 0.1
    assert loaded.get_embedding_dimension() == 32


def test_saving_leaves_the_encoder_as_it_was(tiny_model_folder: Path, tmp_path: Path) -> None:
    """The base that was saved has the modules and vectors that it had, and its weights are on disk once."""
    encoder = load_encoder(str(tiny_model_folder), precision="fp32")
    before, modules = encoder.encode(TEXTS), len(encoder.model)
    save_adapted_model(encoder, random_adapter(), tmp_path / "saved")
    assert len(encoder.model) == modules
    np.testing.assert_array_equal(encoder.encode(TEXTS), before)
    size = (tiny_model_folder / "model.safetensors").stat().st_size
    large = [file for file in (tmp_path / "saved").rglob("*.safetensors") if file.stat().st_size >= size]
    assert len(large) == 1


def test_our_encoder_reads_the_folder_by_role(tiny_model_folder: Path, tmp_path: Path) -> None:
    """The saved folder is base and adapter again: its documents are the base's."""
    encoder, adapter = load_encoder(str(tiny_model_folder), precision="fp32"), random_adapter()
    save_adapted_model(encoder, adapter, tmp_path / "saved")
    again, remote = read_adapter(tmp_path / "saved")
    reloaded = AdaptedEncoder(load_encoder(str(tmp_path / "saved"), precision="fp32"), again, "saved")
    assert remote is None
    np.testing.assert_allclose(reloaded.encode(TEXTS), encoder.encode(TEXTS), atol=1e-6)
    expected = adapter.apply(encoder.encode(TEXTS, Role.QUERY))
    np.testing.assert_allclose(reloaded.encode(TEXTS, Role.QUERY), expected, atol=1e-5)


def test_a_model_with_routes_is_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A second adapter does not go on top of the first."""
    save_adapted_model(load_encoder(str(tiny_model_folder)), random_adapter(), tmp_path / "saved")
    with pytest.raises(ModelError, match="different modules"):
        save_adapted_model(load_encoder(str(tmp_path / "saved")), random_adapter(), tmp_path / "again")
