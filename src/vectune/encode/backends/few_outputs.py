"""Few outputs of a linear layer that are looked at once more, made by a product of their own.

The channels with outliers that int8 keeps apart (`int8_linear`) are gathered from what the layer before gives, past its
activation. While that has two readers, the plugin writes it out in floating point and rounds it in a pass of its own;
with one reader, the product rounds as it goes. What it saves: "Outliers by a product of their own", docs/benchmarks.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vectune.encode.export.openvino_library import load_operations

_FEW = 8  # one output in so many, at most: more would cost what they save
_COMPUTED = {"Gelu": ("approximation_mode",), "Relu": (), "Tanh": (), "Swish": (), "Sigmoid": ()}
"""Functions of one value that are made again, with the attributes that say how."""


def make_few_outputs_apart(model: Any) -> int:
    """Change the `openvino.Model` in place where few outputs of a linear layer of constant weights are gathered, past a
    function of each; how many. The vectors stay the same but for rounding."""
    changed = 0
    for node in model.get_ordered_ops():
        channels = _gathered(node)
        made = None if channels is None else _made_apart(node.input_value(0).get_node(), channels)
        if made is not None:
            node.output(0).replace(made.output(0))
            changed += 1
    model.validate_nodes_and_infer_types()
    return changed


def _gathered(node: Any) -> NDArray[np.int64] | None:
    """The channels, where `node` gathers few of the last axis, known beforehand."""
    if node.get_type_name() != "Gather":
        return None
    shape = node.input_value(0).get_partial_shape()
    places, axis = (node.input_value(place).get_node() for place in (1, 2))
    if {places.get_type_name(), axis.get_type_name()} != {"Constant"} or shape.rank.is_dynamic:
        return None
    if axis.get_data().item() not in (-1, len(shape) - 1) or shape[-1].is_dynamic or places.get_data().ndim != 1:
        return None
    channels: NDArray[np.int64] = places.get_data().astype(np.int64) % shape[-1].get_length()
    return channels if len(channels) * _FEW <= shape[-1].get_length() else None


def _made_apart(activation: Any, channels: NDArray[np.int64]) -> Any:
    """These `channels` of an activation of a linear layer with a bias; None where it is made otherwise."""
    attributes = _COMPUTED.get(activation.get_type_name())
    if attributes is None or activation.get_input_size() != 1:
        return None
    added = activation.input_value(0).get_node()
    product = added.input_value(0).get_node() if added.get_type_name() == "Add" else added
    if product is added or product.get_type_name() != "MatMul":
        return None
    told = product.get_attributes()
    weight, bias = product.input_value(1), added.input_value(1)
    if told["transpose_a"] or not told["transpose_b"] or not (_is_constant(weight) and _is_constant(bias)):
        return None
    ops = load_operations()
    few = ops.matmul(product.input_value(0), _taken(weight, channels, 0), False, True)
    few = ops.add(few, _taken(bias, channels, -1))
    how = {name: activation.get_attributes()[name] for name in attributes}
    return getattr(ops, activation.get_type_name().lower())(few, **how)


def _is_constant(value: Any) -> bool:
    """Whether `value` is a constant, perhaps converted, and perhaps with a scale."""
    node = value.get_node()
    if node.get_type_name() == "Multiply":
        return all(_is_constant(node.input_value(place)) for place in range(2))
    while node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    return bool(node.get_type_name() == "Constant")


def _taken(value: Any, channels: NDArray[np.int64], axis: int) -> Any:
    """A constant, however it is compressed, with these `channels` of `axis` alone; what has one for all stays."""
    ops, node = load_operations(), value.get_node()
    if node.get_type_name() == "Constant":
        values = node.get_data()
        return ops.constant(np.take(values, channels, axis)) if values.ndim and values.shape[axis] > 1 else node
    if node.get_type_name() == "Convert":
        return ops.convert(_taken(node.input_value(0), channels, axis), "f32")
    return ops.multiply(*(_taken(node.input_value(place), channels, axis) for place in range(2)))
