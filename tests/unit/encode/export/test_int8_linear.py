"""Layers as int8 runs them are the layers but for rounding, bear outliers, and leave the model as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.unit.encode.conftest import CALIBRATION, inputs_of, token_ids
from vectune.encode.export.int8 import Calibration, quantise_onnx, quantise_openvino
from vectune.encode.export.int8_linear import Int8Linear, in_place, int8_layers
from vectune.encode.export.layer_inputs import layer_inputs
from vectune.encode.export.onnx_graph import write_onnx
from vectune.encode.export.openvino_graph import write_openvino
from vectune.encode.export.rounding import MOST
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder

_NAME = "0.model.encoder.layer.1.output.dense"
_GROUP = [f"0.model.encoder.layer.0.attention.self.{part}" for part in ("query", "key", "value")]


def _layers(
    encoder: SentenceEncoder, name: str, apart: tuple[int, ...] = (), smoothing: float = 0.5
) -> dict[str, Int8Linear]:
    """The layers that share their inputs with `name`, calibrated."""
    groups = layer_inputs(encoder, encoder.tokenize(CALIBRATION))
    return int8_layers(next(group for group in groups if name in group.layers), smoothing, apart)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("apart", [(), (0, 7, 39)])
@pytest.mark.parametrize("smoothing", [0.0, 0.8])
def test_what_a_layer_gives_is_moved_by_rounding_alone(bias: bool, apart: tuple[int, ...], smoothing: float) -> None:
    """With and without channels apart, however far inputs are smoothed: weights in 8 bits, nothing else changed."""
    torch.manual_seed(0)
    layer = nn.Linear(40, 8, bias=bias)
    inputs = torch.randn(3, 50, 40)
    made = int8_layers(inputs_of(layer, inputs), smoothing, apart)["layer"]
    torch.testing.assert_close(made(inputs), layer(inputs), rtol=0, atol=0.03)
    assert not torch.equal(made(inputs), layer(inputs))
    assert (made.main.weight[:, list(apart)] == 0).all()
    assert (made.side is None) == (not apart)


@pytest.mark.parametrize(("rows", "nearest"), [(30, True), (400, False)])
def test_weights_are_rounded_by_moments_only_where_enough_is_known(rows: int, nearest: bool) -> None:
    """From few inputs for each channel, the nearest steps: what suits those inputs alone hurts others."""
    torch.manual_seed(0)
    layer, inputs = nn.Linear(40, 8), torch.randn(rows, 3) @ torch.randn(3, 40) + 0.1 * torch.randn(rows, 40)
    given = inputs_of(layer, inputs)
    found = int8_layers(given, 0.5)["layer"].weight
    given.moments = None
    assert torch.equal(found, int8_layers(given, 0.5)["layer"].weight) is nearest


def test_a_layer_in_int8_can_be_looked_at_as_before() -> None:
    """Some models ask for the type of the weights, or for a bias, and call a layer by the name of its input."""
    layer = nn.Linear(16, 4)
    made = int8_layers(inputs_of(layer, torch.randn(50, 16)), 0.5)["layer"]
    assert made.weight.dtype == layer.weight.dtype
    assert made.bias is not None
    torch.testing.assert_close(made.bias, layer.bias)
    assert made(input=torch.ones(2, 16)).shape == (2, 4)


def test_inputs_are_rounded_only_in_the_simulation() -> None:
    """There all inputs become one of 256 values times the channel's factor; outside, the graph's runtime rounds."""
    torch.manual_seed(0)
    layer, inputs = nn.Linear(16, 4), torch.randn(5000, 16)
    made = int8_layers(inputs_of(layer, inputs), 0.5)["layer"]
    assert len(made.inputs(inputs).unique()) > 256
    made.inputs.forget()
    made.inputs.simulated = True
    assert len(made.inputs(inputs).unique()) <= 256
    torch.testing.assert_close(made(inputs), layer(inputs), rtol=0, atol=0.1)


def test_layers_that_share_inputs_make_them_once(tiny_model_folder: Path) -> None:
    """One product for the query, the key and the value of one tensor, and a new one for another tensor."""
    layers = list(_layers(load_encoder(str(tiny_model_folder), precision="fp32"), _GROUP[0]).values())
    assert len(layers) == 3
    inputs = torch.ones(2, 5, layers[0].main.in_features)
    made = [layer.inputs(inputs) for layer in layers]
    assert made[0] is made[1] is made[2]
    other = torch.zeros_like(inputs)
    assert (layers[0].inputs(other) == 0).all()


def test_layers_are_put_back(tiny_model_folder: Path) -> None:
    """After the block, and after one that failed, the model is what it was."""
    encoder = load_encoder(str(tiny_model_folder), precision="fp32")
    model, layers = encoder.model, _layers(encoder, _NAME, (1, 2))
    layer = model.get_submodule(_NAME)
    before = encoder.encode(CALIBRATION)
    with in_place(model, layers):
        assert model.get_submodule(_NAME) is layers[_NAME]
        assert not (encoder.encode(CALIBRATION) == before).all()
    assert model.get_submodule(_NAME) is layer
    with pytest.raises(RuntimeError, match="broke"), in_place(model, layers):
        raise RuntimeError("broke")
    assert model.get_submodule(_NAME) is layer
    assert (encoder.encode(CALIBRATION) == before).all()


@pytest.mark.parametrize("runtime", ["openvino", "onnx"])
def test_graphs_have_the_weights_that_were_rounded(tiny_model_folder: Path, tmp_path: Path, runtime: str) -> None:
    """To the last step: what the library quantises once more lies on its grid already."""
    encoder = load_encoder(str(tiny_model_folder), precision="fp32")
    layers = _layers(encoder, _GROUP[0]) | _layers(encoder, _NAME)
    with in_place(encoder.model, layers):
        file = tmp_path / (write_openvino if runtime == "openvino" else write_onnx)(encoder, tmp_path)
    quantise = quantise_openvino if runtime == "openvino" else quantise_onnx
    quantise(file, Calibration(token_ids(encoder), 0.5, 1.0))
    found = {values.tobytes() for values in _int8_matrices(runtime, file)}
    for layer in layers.values():
        weight = layer.main.weight
        steps = (weight / (weight.abs().amax(1, keepdim=True) / MOST)).round().to(torch.int8).numpy()
        assert steps.tobytes() in found or steps.T.tobytes() in found


def _int8_matrices(runtime: str, file: Path) -> list[np.ndarray]:
    if runtime == "onnx":
        import onnx

        tensors = onnx.load(file).graph.initializer
        return [onnx.numpy_helper.to_array(one) for one in tensors if one.data_type == onnx.TensorProto.INT8]
    from vectune.encode.export.openvino_library import openvino_core

    constants = [one for one in openvino_core().read_model(file).get_ordered_ops() if one.get_type_name() == "Constant"]
    return [one.get_data() for one in constants if one.get_element_type().get_type_name() == "i8"]


@pytest.mark.parametrize("runtime", ["openvino", "onnx"])
def test_int8_bears_an_outlier_that_is_apart(tiny_model_folder: Path, tmp_path: Path, runtime: str) -> None:
    """One channel a thousand times the others, nothing smoothed: the graph of a split layer is much nearer."""
    from vectune.encode.backends.onnx import OnnxSession  # noqa: F401 - both runtimes must be installed here

    encoder = load_encoder(str(tiny_model_folder), precision="fp32")
    before = encoder.model.get_submodule("0.model.encoder.layer.1.intermediate.dense")
    with torch.no_grad():
        before.bias[3] = 500.0  # type: ignore[index, operator]
        encoder.model.get_submodule(_NAME).weight[:, 3] = 0.05  # type: ignore[index, operator]
    ids = token_ids(encoder)
    exact = encoder.encode(CALIBRATION)
    errors = []
    for number, channels in enumerate(((), (3,))):
        folder = tmp_path / str(number)
        folder.mkdir()
        with in_place(encoder.model, _layers(encoder, _NAME, channels, smoothing=0.0)):
            file = folder / (write_openvino if runtime == "openvino" else write_onnx)(encoder, folder)
        quantise = quantise_openvino if runtime == "openvino" else quantise_onnx
        quantise(file, Calibration(ids, 0.0, 1.0), [f"{_NAME}.side"] if channels else [])
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
