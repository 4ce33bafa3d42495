"""Which products of a graph stay in floating point: those of two activations, as in attention, and those of layers that
are named."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from vectune.errors import ModelError

_ROOT = "__module.model."
"""How OpenVINO calls the place of the model in the traced module."""
_SCOPES = "pkg.torch.onnx.name_scopes"
"""Where torch's exporter leaves what a node comes from."""
_PART_OF_LIST = re.compile(r"\.slice\(None, [^()]*\)")
"""What the exporter calls `layers[:n]`, which decoders go through; places in it are those in the list."""
_ONNX_PRODUCTS = ("MatMul", "Gemm")
_BROUGHT_INTO_FORM = frozenset(("Convert", "Multiply", "Transpose", "Reshape", "Cast", "Identity"))
"""What stands between weights and their product."""


def float_products_openvino(model: Any, layers: Collection[str]) -> list[str]:
    """Names of the products of two activations in an `openvino.Model`, and of those of `layers`.

    Raises ModelError when a layer has none.
    """
    products = {node.get_friendly_name(): node for node in model.get_ordered_ops() if node.get_type_name() == "MatMul"}
    homes = {name: _prefixes(name.removeprefix(_ROOT).split("/")[0]) for name in products}
    free = [name for name, node in products.items() if not any(_is_known(node, place) for place in (0, 1))]
    return _chosen(free, homes, layers)


def float_products_onnx(model: Any, layers: Collection[str]) -> list[str]:
    """The same of an ONNX model."""
    weights = {tensor.name for tensor in model.graph.initializer}
    makers = {output: node for node in model.graph.node for output in node.output}
    products = [node for node in model.graph.node if node.op_type in _ONNX_PRODUCTS]
    homes = {node.name: {_PART_OF_LIST.sub("", scope) for scope in _scopes(node)} for node in products}
    free = [node.name for node in products if not any(_is_weight(one, makers, weights) for one in node.input[:2])]
    return _chosen(free, homes, layers)


def _chosen(free: Iterable[str], homes: Mapping[str, Collection[str]], layers: Collection[str]) -> list[str]:
    """Those that are `free`, and all whose home is one of `layers`."""
    missing = set(layers).difference(*homes.values())
    if missing:
        raise ModelError(
            f"The graph has no product of {', '.join(sorted(missing))}, which int8 would hurt.",
            "Export to another format, or give a greater int8_loss.",
        )
    return [*free, *(name for name, home in homes.items() if not set(layers).isdisjoint(home))]


def _prefixes(place: str) -> set[str]:
    """A module and those that it is in."""
    parts = place.split(".")
    return {".".join(parts[:number]) for number in range(1, len(parts) + 1)}


def _is_known(node: Any, place: int) -> bool:
    """Whether an input of an OpenVINO node is a constant, in whatever form."""
    source = node.input_value(place).get_node()
    if source.get_type_name() in _BROUGHT_INTO_FORM:
        return all(_is_known(source, one) for one in range(source.get_input_size()))
    return bool(source.get_type_name() == "Constant")


def _is_weight(name: str, makers: Mapping[str, Any], weights: Collection[str]) -> bool:
    """Whether a value of an ONNX graph is a constant, in whatever form."""
    while name in makers and makers[name].op_type in _BROUGHT_INTO_FORM:
        name = makers[name].input[0]
    return name in weights or (name in makers and makers[name].op_type == "Constant")


def _scopes(node: Any) -> list[str]:
    """The modules that an ONNX node comes from, as the model calls them, outermost first, and the function in them."""
    told = next((entry.value for entry in node.metadata_props if entry.key == _SCOPES), "[]")
    return [str(name).removeprefix("model.") for name in ast.literal_eval(told)]
