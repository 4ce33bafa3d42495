"""A graph that was rewritten for speed gives the vectors of the graph in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vectune.encode.backends.openvino import OpenvinoSession
from vectune.encode.backends.openvino_rewrites import rewrite
from vectune.encode.export.manifest import read_manifest
from vectune.encode.export.openvino_library import load_openvino, openvino_core

BATCH, HEADS, LENGTH, WIDTH = 3, 2, 5, 4


def _run(model: Any, *inputs: NDArray[Any]) -> NDArray[np.float32]:
    compiled = openvino_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found: NDArray[np.float32] = compiled(list(inputs))[0]
    return found.copy()


def _kinds(model: Any) -> list[str]:
    return [node.get_type_name() for node in model.get_ordered_ops()]


def _widened_tables(model: Any) -> list[Any]:
    lookups = [node for node in model.get_ordered_ops() if node.get_type_name() == "Gather"]
    tables = [node.input_value(0).get_node() for node in lookups]
    return [
        table for table in tables if table.get_type_name() == "Convert" and table.get_output_element_type(0).is_real()
    ]


def _attention(mask: str, *, scaled: bool, causal: bool = False, kind: str = "float32") -> Any:
    openvino = load_openvino()
    from openvino import opset13 as ops

    shape = [-1, HEADS, -1, WIDTH]
    inputs = [ops.parameter(shape, openvino.Type(np.dtype(kind)), name) for name in "qkv"]
    hidden = ops.parameter([-1, 1, -1, -1], openvino.Type(np.dtype(bool if mask == "boolean" else kind)), "mask")
    more = [] if mask == "none" else [hidden]
    if scaled:
        more = [*(more or [ops.constant(np.float32(0))]), ops.constant(np.float32(0.3))]
    attended = ops.scaled_dot_product_attention(*inputs, *more, causal=causal)
    return openvino.Model([attended], [*inputs, *([] if mask == "none" else [hidden])], "attention")


def _inputs(mask: str) -> list[NDArray[Any]]:
    random = np.random.default_rng(5)
    found: list[NDArray[Any]] = [
        random.standard_normal((BATCH, HEADS, LENGTH, WIDTH)).astype(np.float32) for _ in range(3)
    ]
    seen = np.ones((BATCH, 1, LENGTH, LENGTH), dtype=bool)
    seen[1, ..., 3:] = False
    if mask == "boolean":
        found.append(seen)
    if mask == "added":
        found.append(np.where(seen, np.float32(0), np.float32(-3)))
    return found


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("mask", ["none", "boolean", "added"])
def test_attention_is_spelled_out(mask: str, *, scaled: bool) -> None:
    """With each kind of mask, and a scale of its own or none, the values are those of the single operation."""
    inputs = _inputs(mask)
    expected = _run(_attention(mask, scaled=scaled), *inputs)
    model = _attention(mask, scaled=scaled)
    rewrite(model)
    assert "ScaledDotProductAttention" not in _kinds(model)
    np.testing.assert_allclose(_run(model, *inputs), expected, atol=1e-6)


def test_a_row_that_sees_nothing_is_a_number() -> None:
    """Where all keys are hidden the values are finite: they belong to padding, and nobody reads them."""
    inputs = _inputs("boolean")
    inputs[-1][2] = False
    model = _attention("boolean", scaled=False)
    rewrite(model)
    assert np.isfinite(_run(model, *inputs)).all()


@pytest.mark.parametrize(("causal", "kind"), [(True, "float32"), (False, "float16")])
def test_other_attention_is_left(causal: bool, kind: str) -> None:
    """Causal attention and other types of numbers stay the single operation."""
    model = _attention("none", scaled=False, causal=causal, kind=kind)
    rewrite(model)
    assert "ScaledDotProductAttention" in _kinds(model)


def _lookup(rows: int) -> Any:
    openvino = load_openvino()
    from openvino import opset13 as ops

    table = np.random.default_rng(2).standard_normal((rows, 3)).astype(np.float16)
    ids = ops.parameter([-1, -1], openvino.Type.i64, "ids")
    widened = ops.convert(ops.constant(table), "f32")
    return openvino.Model([ops.gather(widened, ids, ops.constant(0))], [ids], "lookup")


@pytest.mark.parametrize(("rows", "converted"), [(8, False), (9, True)])
def test_only_small_tables_are_widened(rows: int, *, converted: bool) -> None:
    """A table is kept in fp32 up to the largest size, here 24 values; the rows are the same."""
    ids = np.array([[1, 0, 7], [7, 3, 2]])
    expected = _run(_lookup(rows), ids)
    model = _lookup(rows)
    rewrite(model, largest_table=24)
    assert ("Convert" in _kinds(model)) is converted
    assert np.array_equal(_run(model, ids), expected)


@pytest.mark.parametrize("form", ["openvino", "openvino-int8"])
def test_exports_are_rewritten(exported: dict[str, Path], form: str) -> None:
    """What this project exports is of the kind that is rewritten: a new version of the exporter would be noticed."""
    folder = exported[form]
    model = openvino_core().read_model(folder / read_manifest(folder).file)
    before = _kinds(model)
    assert "ScaledDotProductAttention" in before
    assert _widened_tables(model)
    rewrite(model)
    assert "ScaledDotProductAttention" not in _kinds(model)
    assert not _widened_tables(model)


def test_a_session_runs_the_rewritten_graph(exported: dict[str, Path]) -> None:
    """What the plugin has compiled looks its tables up in fp32; the file's own graph does so in fp16."""
    folder = exported["openvino"]
    manifest = read_manifest(folder)
    plain = openvino_core().compile_model(folder / manifest.file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    session = OpenvinoSession(folder, manifest, "fp32")
    assert "f16" in _lookup_precisions(plain)
    # No vector tells the two apart, since they are to be the same: so we look at what the session owns.
    found = _lookup_precisions(session._compiled)
    assert "f32" in found
    assert "f16" not in found


def _lookup_precisions(compiled: Any) -> set[str]:
    facts = [node.get_rt_info() for node in compiled.get_runtime_model().get_ordered_ops()]
    return {str(fact["runtimePrecision"].value) for fact in facts if str(fact["layerType"].value) == "Gather"}


def test_other_types_of_tables_are_left() -> None:
    """The bytes of bf16 are no numbers to numpy: such a table stays as it is."""
    openvino = load_openvino()
    from openvino import opset13 as ops

    numbers = np.arange(24, dtype=np.float32).reshape(8, 3)
    table = openvino.op.Constant(openvino.Type.bf16, openvino.Shape([8, 3]), numbers.ravel().tolist())
    ids = ops.parameter([-1, -1], openvino.Type.i64, "ids")
    model = openvino.Model([ops.gather(ops.convert(table, "f32"), ids, ops.constant(0))], [ids], "lookup")
    rewrite(model)
    assert np.array_equal(_run(model, np.array([[1, 7]]))[0], numbers[[1, 7]])


def test_attention_with_a_sink_is_left() -> None:
    """A sixth input changes what attention is; it is not for us to drop it."""
    openvino = load_openvino()
    from openvino import opset13 as ops
    from openvino.utils.node_factory import NodeFactory

    inputs = [ops.parameter([-1, HEADS, -1, WIDTH], openvino.Type.f32, name) for name in "qkv"]
    more = [ops.constant(np.float32(0)), ops.constant(np.float32(0.3))]
    sink = ops.constant(np.ones((1, HEADS, 1, 1), dtype=np.float32))
    given = [one.output(0) for one in (*inputs, *more, sink)]
    attended = NodeFactory("opset13").create("ScaledDotProductAttention", given, {"causal": False})
    model = openvino.Model([attended], inputs, "attention")
    rewrite(model)
    assert "ScaledDotProductAttention" in _kinds(model)
