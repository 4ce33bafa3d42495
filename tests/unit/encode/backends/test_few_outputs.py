"""Channels that are gathered from a layer's outputs come from a product of their own; the vectors stay the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vectune.encode.backends.few_outputs import make_few_outputs_apart
from vectune.encode.export.int8_linear import SIDE
from vectune.encode.export.manifest import INPUTS, read_manifest
from vectune.encode.export.openvino_library import load_openvino, openvino_core

_IN, _OUT, _CHANNELS = 6, 32, (3, 0, 31)


def _weight(ops: Any, draw: np.random.Generator, form: str) -> Any:
    if form == "int8":
        codes = draw.integers(-127, 127, (_OUT, _IN)).astype(np.int8)
        scale = (draw.random((_OUT, 1)) / 100).astype(np.float32)
        return ops.multiply(ops.convert(ops.constant(codes), "f32"), ops.constant(scale))
    values = draw.standard_normal((_OUT, _IN)).astype(np.float16)
    return ops.convert(ops.constant(values), "f32") if form == "fp16" else ops.constant(values.astype(np.float32))


def _gathered(ops: Any, found: Any, odd: str) -> Any:
    channels = ops.constant(np.array(_CHANNELS if odd != "many" else range(_OUT // 2)))
    if odd == "computed":
        channels = ops.add(channels, ops.convert(ops.shape_of(found, "i64"), "i64"))
        channels = ops.mod(channels, ops.constant(np.int64(_OUT)))
    axis = 1 if odd == "tokens" else -1
    return ops.gather(found, ops.constant(np.array([1, 0])) if odd == "tokens" else channels, ops.constant(axis))


def _model(form: str, function: str = "gelu", odd: str = "") -> Any:
    """A layer, its function, a product of what it gives, and some of its channels."""
    openvino = load_openvino()
    from openvino import opset13 as ops

    draw = np.random.default_rng(3)
    inputs = ops.parameter([-1, -1, _IN], openvino.Type.f32, "inputs")
    found = ops.matmul(inputs, _weight(ops, draw, form), False, True)
    if odd != "no bias":
        found = ops.add(found, ops.constant(draw.standard_normal((1, 1, 1 if odd == "one bias" else _OUT), np.float32)))
    if odd == "between":
        found = ops.multiply(found, inputs if odd == "never" else ops.constant(np.float32(2)))
    found = (
        ops.gelu(found, "tanh")
        if function == "gelu tanh"
        else (ops.gelu(found, "erf") if function == "gelu" else getattr(ops, function)(found))
    )
    whole = ops.multiply(found, ops.constant(np.float32(3)))
    return openvino.Model([whole, _gathered(ops, found, odd)], [inputs], "layer")


def _run(model: Any) -> list[NDArray[np.float32]]:
    inputs = np.random.default_rng(5).standard_normal((2, 4, _IN), np.float32)
    found = openvino_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(inputs)
    return [found[place].copy() for place in range(2)]


def _readers(model: Any, kind: str) -> int:
    """How many nodes read what the first `kind` of node gives."""
    node = next(one for one in model.get_ordered_ops() if one.get_type_name() == kind)
    return len(node.output(0).get_target_inputs())


@pytest.mark.parametrize("form", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize(
    ("function", "kind"), [("gelu", "Gelu"), ("gelu tanh", "Gelu"), ("relu", "Relu"), ("tanh", "Tanh")]
)
def test_channels_are_those_of_before(form: str, function: str, kind: str) -> None:
    """However weights are kept and whatever the function is; the layer's outputs have one reader left."""
    model = _model(form, function)
    assert _readers(model, kind) == 2
    assert make_few_outputs_apart(model) == 1
    assert _readers(model, kind) == 1
    for found, wanted in zip(_run(model), _run(_model(form, function)), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_one_bias_for_all_channels_stays() -> None:
    """It has no channels to choose from, and is added to the few as it was to all."""
    model = _model("fp32", odd="one bias")
    assert make_few_outputs_apart(model) == 1
    np.testing.assert_allclose(_run(model)[1], _run(_model("fp32", odd="one bias"))[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("odd", ["no bias", "between", "tokens", "many"])
def test_what_is_built_otherwise_stays(odd: str) -> None:
    """No bias, another operation on the way, other than channels gathered, and half of all channels."""
    model = _model("fp32", odd=odd)
    assert make_few_outputs_apart(model) == 0


@pytest.mark.parametrize("function", ["softplus", "exp"])
def test_other_functions_stay(function: str) -> None:
    """Those that nobody has tried are not made again."""
    assert make_few_outputs_apart(_model("fp32", function)) == 0


def test_an_int8_export_gives_the_same_vectors(taken_apart: Path) -> None:
    """Every layer that was taken apart behind another is found, in the graph as it is exported."""
    folder = taken_apart
    manifest = read_manifest(folder)
    model, before = (openvino_core().read_model(folder / manifest.file) for _ in range(2))
    sides = {node.get_friendly_name() for node in model.get_ordered_ops() if f".{SIDE}/" in node.get_friendly_name()}
    assert make_few_outputs_apart(model) == len([name for name in sides if "MatMul" in name]) > 0
    ids = np.random.default_rng(5).integers(5, 60, (3, 9))
    given = dict(zip(INPUTS, (ids, np.ones_like(ids)), strict=True))
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    found, wanted = (openvino_core().compile_model(one, "CPU", settings)(given)[0] for one in (model, before))
    np.testing.assert_allclose(found, wanted, atol=2e-2)
