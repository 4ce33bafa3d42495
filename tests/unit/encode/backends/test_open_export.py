"""An exported folder opens in the runtime it was made for."""

from __future__ import annotations

from pathlib import Path

import pytest

from vectune.encode.backends.graph_encoder import GraphEncoder
from vectune.encode.backends.open_export import open_export
from vectune.encode.export.folder import write_export
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder


@pytest.mark.parametrize("form", ["openvino", "openvino-int8", "onnx", "onnx-int8"])
def test_graphs_open_as_graphs(exported: dict[str, Path], form: str) -> None:
    """Name, size and limit are told without loading torch's model."""
    encoder = open_export(exported[form], "mine", max_tokens=9)
    assert isinstance(encoder, GraphEncoder)
    assert (encoder.name, encoder.dim, encoder.max_tokens) == ("mine", 32, 9)


def test_weights_open_in_torch(prompted_model: Path, tmp_path: Path) -> None:
    """A safetensors export is a model like any other."""
    write_export(load_encoder(str(prompted_model)), prompted_model, tmp_path, "safetensors")
    assert isinstance(open_export(tmp_path, "mine"), SentenceEncoder)
