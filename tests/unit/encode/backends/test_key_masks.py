"""Masks ride on the keys where they hide padding alone; the vectors stay the same, and other masks stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vectune.encode.backends.key_masks import put_masks_on_keys
from vectune.encode.backends.openvino_rewrites import rewrite
from vectune.encode.export.manifest import INPUTS, read_manifest
from vectune.encode.export.openvino_library import load_openvino, openvino_core

_HEADS, _WIDTH, _WORDS = 2, 4, 16
_TEXTS, _TOKENS = 3, 9


def _projected(ops: Any, inputs: Any, draw: np.random.Generator, bias: bool) -> Any:
    size = _HEADS * _WIDTH
    made = ops.matmul(inputs, ops.constant(draw.standard_normal((size, size)).astype(np.float32)), False, True)
    if bias:
        made = ops.add(made, ops.constant(draw.standard_normal((1, 1, size)).astype(np.float32)))
    made = ops.reshape(made, ops.constant(np.array([0, 0, _HEADS, _WIDTH])), True)
    return ops.transpose(made, ops.constant(np.array([0, 2, 1, 3])))


def _mask(ops: Any, ids: Any, given: Any, kind: str) -> Any:
    """[texts, 1, tokens, tokens] of what is seen, from the mask of padding [texts, tokens]; a `square` one is the same
    for all texts, [tokens, tokens]."""
    keys = ops.unsqueeze(ops.convert(given, "boolean"), ops.constant(np.array([1, 2])))
    place = ops.range(
        ops.constant(0), ops.gather(ops.shape_of(given, "i32"), ops.constant(1), ops.constant(0)), 1, "i32"
    )
    apart = ops.abs(ops.subtract(ops.unsqueeze(place, ops.constant(1)), ops.unsqueeze(place, ops.constant(0))))
    near = ops.less(apart, ops.constant(np.int32(3 if kind == "window" else 10_000)))
    if kind == "square":
        return near
    if kind == "words":
        known = ops.not_equal(ids, ops.constant(np.int64(7)))
        keys = ops.logical_and(keys, ops.unsqueeze(known, ops.constant(np.array([1, 2]))))
    seen = ops.logical_and(keys, near)
    return ops.select(seen, ops.constant(np.float32(0)), ops.constant(np.float32(-1))) if kind == "added" else seen


def _model(kind: str, *, bias: bool = True, scaled: bool = False) -> Any:
    """Words looked up, one attention, and the values of its heads."""
    openvino = load_openvino()
    from openvino import opset13 as ops

    draw = np.random.default_rng(3)
    ids, given = (ops.parameter([-1, -1], openvino.Type.i64, name) for name in INPUTS)
    for one, name in zip((ids, given), INPUTS, strict=True):
        one.output(0).get_tensor().set_names({name})
    words = ops.constant(draw.standard_normal((_WORDS, _HEADS * _WIDTH)).astype(np.float32))
    inputs = ops.gather(words, ids, ops.constant(0))
    parts = [_projected(ops, inputs, draw, bias) for _ in range(3)]
    if kind == "turned":
        parts[1] = ops.multiply(parts[1], ops.constant(np.float32(0.9)))
    more = [ops.constant(np.float32(0.3))] if scaled else []
    causal = kind == "causal"
    attended = ops.scaled_dot_product_attention(*parts, _mask(ops, ids, given, kind), *more, causal=causal)
    return openvino.Model([attended], [ids, given], "attention")


def _run(model: Any, width: int = _TOKENS) -> NDArray[np.float32]:
    """What texts of several lengths give, without what stands at the padding."""
    draw = np.random.default_rng(5)
    lengths = np.linspace(0, width, _TEXTS).astype(np.int64)
    mask = (np.arange(width) < lengths[:, None]).astype(np.int64)
    ids = draw.integers(0, _WORDS, mask.shape)
    compiled = openvino_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found: NDArray[np.float32] = compiled(dict(zip(INPUTS, (ids, mask), strict=True)))[0]
    return found.copy()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("scaled", [True, False])
def test_padding_is_hidden_as_before(*, scaled: bool, bias: bool) -> None:
    """With a scale or none, biases or none, also in rows of padding: no value moves, and no mask is left."""
    before = _model("padding", bias=bias, scaled=scaled)
    rewrite(before)  # a text of padding alone is no NaN there
    model = _model("padding", bias=bias, scaled=scaled)
    assert put_masks_on_keys(model, openvino_core(), 64) == 1
    kinds = [node.get_type_name() for node in model.get_ordered_ops()]
    assert "ScaledDotProductAttention" not in kinds
    assert "LogicalAnd" not in kinds
    np.testing.assert_allclose(_run(model), _run(before), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "longest"),
    [(kind, 64) for kind in ("window", "added", "causal", "turned", "square", "words")] + [("padding", 1025)],
)
def test_what_is_built_otherwise_stays(kind: str, longest: int) -> None:
    """A window of attention, a mask that is added, causal attention, keys that are turned by their positions after the
    projection, a mask for all texts alike, one that hides a word, and texts too long to look at."""
    model = _model(kind)
    assert put_masks_on_keys(model, openvino_core(), longest) == 0
    assert "ScaledDotProductAttention" in [node.get_type_name() for node in model.get_ordered_ops()]


@pytest.mark.parametrize("form", ["openvino", "openvino-int8"])
def test_exported_graphs_give_the_same_vectors(exported: dict[str, Path], form: str) -> None:
    """Every layer of a real architecture, its weights in fp16 and in int8 with scales."""
    folder = exported[form]
    manifest = read_manifest(folder)
    core = openvino_core()
    model = core.read_model(folder / manifest.file)
    layers = [node.get_type_name() for node in model.get_ordered_ops()].count("ScaledDotProductAttention")
    before = core.read_model(folder / manifest.file)
    rewrite(before)
    assert put_masks_on_keys(model, core, manifest.max_tokens) == layers > 0
    np.testing.assert_allclose(_run(model), _run(before), atol=1e-3 if form == "openvino" else 2e-2)
