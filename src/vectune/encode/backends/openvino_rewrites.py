"""A graph as OpenVINO's CPU plugin runs it soonest; files stay as exporters write them, readable by any version.

What it saves: "Tried for batches", docs/benchmarks.md.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vectune.encode.export.openvino_library import load_operations

_ATTENTION = "ScaledDotProductAttention"
_MASK, _SCALE = 3, 4  # places of these inputs, where they are there
_HIDDEN = np.float32(-1e30)  # probability 0, finite in bf16 too: a row with nothing but hidden keys is no NaN
_LARGEST_TABLE = 2**24  # values: 64 MiB


def rewrite(model: Any, largest_table: int = _LARGEST_TABLE) -> None:
    """Change the `openvino.Model` in place; the vectors stay the same but for rounding.

    Tables of up to `largest_table` values are kept in fp32 instead of fp16, which takes twice the memory.
    """
    for node in model.get_ordered_ops():
        if node.get_type_name() == _ATTENTION:
            _spell_out(node)
        elif node.get_type_name() == "Gather":
            _widen(node, largest_table)
    model.validate_nodes_and_infer_types()


def _spell_out(node: Any) -> None:
    """Attention as softmax(q scale k^T + mask) v with the keys transposed by the product itself.

    The plugin takes the single node apart too, but transposes the keys in memory first. Causal attention is left, and
    what has inputs beyond the scale.
    """
    ops = load_operations()
    query, key, value = (node.input_value(place) for place in range(3))
    num_inputs, shape = node.get_input_size(), query.get_partial_shape()
    if node.get_attributes()["causal"] or num_inputs > _SCALE + 1 or not _is(query, "f32"):
        return
    if shape.rank.is_dynamic or shape[-1].is_dynamic:
        return
    given = num_inputs > _SCALE
    scale = node.input_value(_SCALE) if given else ops.constant(np.float32(1 / math.sqrt(shape[-1].get_length())))
    scores = ops.matmul(ops.multiply(query, scale), key, False, True)
    if num_inputs > _MASK:
        mask = node.input_value(_MASK)
        if _is(mask, "boolean"):
            mask = ops.select(mask, ops.constant(np.float32(0)), ops.constant(_HIDDEN))
        scores = ops.add(scores, mask)
    attended = ops.matmul(ops.softmax(scores, -1), value, False, False)
    attended.set_friendly_name(node.get_friendly_name())
    node.output(0).replace(attended.output(0))


def _widen(node: Any, largest: int) -> None:
    """A table that is kept in fp16 as fp32: the plugin looks rows of fp16 up by its slowest code."""
    widened = node.input_value(0).get_node()
    if widened.get_type_name() != "Convert" or not _is(widened.output(0), "f32"):
        return
    table = widened.input_value(0).get_node()
    if table.get_type_name() != "Constant" or not _is(table.output(0), "f16"):
        return
    if math.prod(table.get_output_shape(0)) > largest:
        return
    values = table.get_data().astype(np.float32)
    node.input(0).replace_source_output(load_operations().constant(values).output(0))


def _is(output: Any, kind: str) -> bool:
    return bool(output.get_element_type().get_type_name() == kind)
