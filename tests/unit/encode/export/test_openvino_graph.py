"""The OpenVINO graph takes any number of texts of any length."""

from __future__ import annotations

from pathlib import Path

import pytest

from vectune.encode.export.manifest import INPUTS, OUTPUT
from vectune.encode.export.openvino_graph import OPENVINO_FILE, write_openvino
from vectune.encode.export.openvino_library import load_openvino
from vectune.encode.loading import load_encoder
from vectune.errors import ModelError


def test_inputs_and_output_are_named_and_of_any_size(exported: dict[str, Path]) -> None:
    """Whoever loads the graph finds its inputs by name, both axes free."""
    model = load_openvino().Core().read_model(exported["openvino"] / OPENVINO_FILE)
    assert [port.get_any_name() for port in model.inputs] == list(INPUTS)
    assert all(port.partial_shape.is_dynamic and len(port.partial_shape) == 2 for port in model.inputs)
    assert model.outputs[0].get_any_name() == OUTPUT


def test_model_that_cannot_be_traced_is_an_error_of_ours(prompted_model: Path, tmp_path: Path) -> None:
    """A prompt outside the pooling is refused before anything is written."""
    encoder = load_encoder(str(prompted_model))
    encoder.model.set_pooling_include_prompt(False)
    with pytest.raises(ModelError):
        write_openvino(encoder, tmp_path)
    assert not list(tmp_path.iterdir())
