"""onnxruntime gives the model's vectors."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.tiny_model import WORDS
from vectune.encode.backends.onnx import OnnxSession
from vectune.encode.export.manifest import read_manifest
from vectune.encode.loading import load_encoder
from vectune.encode.open_encoder import open_encoder
from vectune.errors import ModelError
from vectune.records import Role

TEXTS = [" ".join(WORDS[i : i + 1 + i % 70]) for i in range(90)]


@pytest.mark.parametrize("role", list(Role))
def test_vectors_are_the_models(exported: dict[str, Path], prompted_model: Path, role: Role) -> None:
    """Long, short and cut texts, with the prompt of their role."""
    expected = load_encoder(str(prompted_model), precision="fp32").encode(TEXTS, role)
    found = open_encoder(str(exported["onnx"])).encode(TEXTS, role)
    assert (found * expected).sum(axis=1).min() > 0.99999


def test_damaged_graph_is_an_error_of_ours(exported: dict[str, Path], tmp_path: Path) -> None:
    """The runtime's exception becomes a sentence."""
    manifest = read_manifest(exported["onnx"])
    (tmp_path / manifest.file).write_bytes(b"no graph")
    with pytest.raises(ModelError, match="can't load"):
        OnnxSession(tmp_path, manifest)
