"""The prompt of a role is found by whatever name the model gives it, and by every reader of the model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer

from tests.fakes.tiny_model import WORDS, save_tiny_model
from vectune.encode.backends.static import TableEncoder
from vectune.encode.export.folder import write_export
from vectune.encode.export.manifest import read_manifest
from vectune.encode.loading import load_encoder, save_model
from vectune.encode.prompts import role_prompt
from vectune.records import Role

PASSAGES = {"query": "red0 ", "passage": "blue0 "}
TEXTS = [" ".join(WORDS[i : i + 1 + i % 20]) for i in range(12)]


def _name_prompts(folder: Path, prompts: dict[str, str], default: str | None = None) -> Path:
    """The folder's settings with these prompts and no others, as a model on the hub may have them."""
    file = folder / "config_sentence_transformers.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(told | {"prompts": prompts, "default_prompt_name": default}), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("prompts", "default", "query", "document"),
    [
        (PASSAGES, None, "red0 ", "blue0 "),
        ({"query": "", "document": "", **PASSAGES}, None, "red0 ", "blue0 "),
        ({"document": "one ", "passage": "two ", "query": None}, None, "", "one "),
        ({"corpus": "c "}, None, "", "c "),
        ({"query": "", "document": "", "task": "t "}, "task", "t ", "t "),
        ({"query": "q ", "task": "t "}, "task", "q ", "t "),
        ({"query": "q ", "document": ""}, "query", "q ", ""),
        ({"query": "", "passage": "p "}, "passage", "", "p "),
        ({}, "gone", "", ""),
        ({}, None, "", ""),
    ],
)
def test_rule(prompts: dict[str, str | None], default: str | None, query: str, document: str) -> None:
    """A role's own prompt, else the default one, but never that of the other role."""
    assert role_prompt(prompts, default, Role.QUERY) == query
    assert role_prompt(prompts, default, Role.DOCUMENT) == document


def test_torch_puts_a_passage_prompt_before_documents(tmp_path: Path) -> None:
    """The empty `document` that sentence-transformers adds does not hide the model's own `passage`."""
    encoder = load_encoder(str(_name_prompts(save_tiny_model(tmp_path / "model"), PASSAGES)), precision="fp32")
    assert encoder.model.prompts["document"] == ""
    expected = encoder.model.encode(["blue0 " + text for text in TEXTS], normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-6)


def test_saved_model_has_the_prompt_under_the_role(tmp_path: Path) -> None:
    """Plain sentence-transformers gives documents of the saved model the vectors that were judged."""
    encoder = load_encoder(str(_name_prompts(save_tiny_model(tmp_path / "model"), PASSAGES)), precision="fp32")
    expected = encoder.encode(TEXTS)
    save_model(encoder.model, tmp_path / "saved")
    found = SentenceTransformer(str(tmp_path / "saved"), device="cpu").encode_document(TEXTS)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_numpy_and_torch_read_a_table_alike(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A token table's documents have the passage prompt in both readers."""
    tokenizer = Tokenizer.from_file(str(tiny_model_folder / "tokenizer.json"))
    rows = np.random.default_rng(0).standard_normal((tokenizer.get_vocab_size(), 8)).astype(np.float32)
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=rows)], device="cpu")
    model.save_pretrained(str(tmp_path / "table"), create_model_card=False)
    folder = _name_prompts(tmp_path / "table", PASSAGES)
    table, torch = TableEncoder(folder, "table"), load_encoder(str(folder))
    for role, prompt in ((Role.QUERY, "red0 "), (Role.DOCUMENT, "blue0 ")):
        assert table.prompt(role) == torch.prompt(role) == prompt
        np.testing.assert_allclose(table.encode(TEXTS, role), torch.encode(TEXTS, role), atol=1e-6)


def test_export_names_the_prompt(tmp_path: Path) -> None:
    """Whoever uses the graph without vectune puts it before documents."""
    folder = _name_prompts(save_tiny_model(tmp_path / "model"), PASSAGES)
    (tmp_path / "export").mkdir()
    write_export(load_encoder(str(folder), precision="fp32"), folder, tmp_path / "export", "openvino")
    manifest = read_manifest(tmp_path / "export")
    assert (manifest.query_prompt, manifest.document_prompt) == ("red0 ", "blue0 ")


def test_the_other_roles_default_is_not_put_before_a_text(tmp_path: Path) -> None:
    """A default that is the query prompt stays away from documents."""
    folder = _name_prompts(save_tiny_model(tmp_path / "model"), {"query": "red0 "}, default="query")
    encoder = load_encoder(str(folder), precision="fp32")
    assert (encoder.prompt(Role.QUERY), encoder.prompt(Role.DOCUMENT)) == ("red0 ", "")
