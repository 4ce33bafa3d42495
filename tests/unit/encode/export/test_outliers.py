"""A layer taken apart is the layer, in int8 it bears outliers, and the model has its own layers back afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.unit.encode.conftest import CALIBRATION
from vectune.encode.export.int8 import Calibration, quantise_onnx, quantise_openvino
from vectune.encode.export.onnx_graph import write_onnx
from vectune.encode.export.openvino_graph import write_openvino
from vectune.encode.export.outliers import SplitLinear, split_layers
from vectune.encode.loading import load_encoder

_NAME = "0.model.encoder.layer.1.output.dense"


@pytest.mark.parametrize("bias", [True, False])
def test_the_parts_together_are_the_layer(bias: bool) -> None:
    """For any channels, whatever their values."""
    torch.manual_seed(0)
    layer = nn.Linear(40, 8, bias=bias)
    inputs = torch.randn(3, 5, 40)
    inputs[..., 7] *= 1000
    split = SplitLinear(layer, (7, 0, 39))
    torch.testing.assert_close(split(inputs), layer(inputs), rtol=1e-4, atol=1e-3)
    assert (split.main.weight[:, [0, 7, 39]] == 0).all()
    assert split.side.weight.shape == (8, 3)


def test_layers_are_put_back(tiny_model_folder: Path) -> None:
    """After the block, and after one that failed, the model is what it was."""
    model = load_encoder(str(tiny_model_folder)).model
    layer = model.get_submodule(_NAME)
    with split_layers(model, {_NAME: (1, 2)}):
        assert isinstance(model.get_submodule(_NAME), SplitLinear)
    assert model.get_submodule(_NAME) is layer
    with pytest.raises(RuntimeError, match="broke"), split_layers(model, {_NAME: (1, 2)}):
        raise RuntimeError("broke")
    assert model.get_submodule(_NAME) is layer


@pytest.mark.parametrize("runtime", ["openvino", "onnx"])
def test_int8_bears_an_outlier_that_is_apart(tiny_model_folder: Path, tmp_path: Path, runtime: str) -> None:
    """With one channel a thousand times the others, the graph of a split layer is much nearer to the model."""
    from vectune.encode.backends.onnx import OnnxSession  # noqa: F401 - both runtimes must be installed here

    encoder = load_encoder(str(tiny_model_folder), precision="fp32")
    before = encoder.model.get_submodule("0.model.encoder.layer.1.intermediate.dense")
    with torch.no_grad():
        before.bias[3] = 500.0  # type: ignore[index, operator]
        encoder.model.get_submodule(_NAME).weight[:, 3] = 0.05  # type: ignore[index, operator]
    tokens = encoder.tokenize(CALIBRATION)
    ids = [tokens.ids[a:b].tolist() for a, b in zip(tokens.offsets, tokens.offsets[1:], strict=False)]
    exact = encoder.encode(CALIBRATION)
    errors = []
    for number, channels in enumerate(({}, {_NAME: (3,)})):
        folder = tmp_path / str(number)
        folder.mkdir()
        with split_layers(encoder.model, channels):
            file = folder / (write_openvino if runtime == "openvino" else write_onnx)(encoder, folder)
        quantise = quantise_openvino if runtime == "openvino" else quantise_onnx
        quantise(file, Calibration(ids, 0.0, 1.0), [f"{name}.side" for name in channels])
        errors.append(float(1 - np.einsum("nd,nd->n", exact, _run(runtime, file, ids)).mean()))
    assert errors[1] < errors[0] / 2


def _run(runtime: str, file: Path, ids: list[list[int]]) -> np.ndarray:
    found = []
    if runtime == "openvino":
        from vectune.encode.export.openvino_library import openvino_core

        model = openvino_core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        run = lambda given: model(given)[0]  # noqa: E731 - two runtimes, one line each
    else:
        import onnxruntime

        session = onnxruntime.InferenceSession(file)
        run = lambda given: session.run(None, dict(zip(("input_ids", "attention_mask"), given, strict=True)))[0]  # noqa: E731
    for one in ids:
        given = np.array([one], dtype=np.int64)
        found.append(run([given, np.ones_like(given)])[0])
    return np.stack(found)
