"""The ONNX graph is valid and takes any number of texts."""

from __future__ import annotations

from pathlib import Path

import onnx

from vectune.encode.export.manifest import INPUTS, OUTPUT
from vectune.encode.export.onnx_graph import ONNX_FILE


def test_graph_is_valid_and_named(exported: dict[str, Path]) -> None:
    """onnx's own checker accepts it; inputs and output have their names and free axes."""
    model = onnx.load(exported["onnx"] / ONNX_FILE)
    onnx.checker.check_model(model)
    assert [value.name for value in model.graph.input] == list(INPUTS)
    assert [value.name for value in model.graph.output] == [OUTPUT]
    assert all(axis.dim_param for value in model.graph.input for axis in value.type.tensor_type.shape.dim)
