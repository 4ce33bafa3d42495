"""Attention whose mask is a channel of the keys, so that no score is touched for it.

A key that is hidden gets -1e30 in one more channel, where every query has 1: the product of queries and keys then hides
it by itself. The channel costs next to nothing to make, being one more output of the projections, without weights. What
it saves: "Masks that ride on the keys", docs/benchmarks.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vectune.encode.export.manifest import INPUTS
from vectune.encode.export.openvino_library import load_openvino, load_operations

_ATTENTION = "ScaledDotProductAttention"
_HIDDEN = np.float32(-1e30)  # finite in bf16 too: a row with nothing but hidden keys is no NaN
_LONGEST = 1024
"""Tokens up to which a mask is looked at whole; a window of attention could hide in longer ones."""
_HEADS_FIRST = [0, 2, 1, 3]


def put_masks_on_keys(model: Any, core: Any, max_tokens: int) -> int:
    """Change attention in the `openvino.Model` in place where its mask hides the padding and nothing else; how many.

    `max_tokens` is the longest that the model is given. What is built otherwise stays as it is: causal attention,
    windows, positions in the scores, keys that are turned.
    """
    found = [one for node in model.get_ordered_ops() if (one := _Attention.of(node))]
    known: dict[Any, bool] = {}
    changed = 0
    for one in found if max_tokens <= _LONGEST else ():
        place = one.mask.get_node().get_friendly_name(), one.mask.get_index()
        if place not in known:
            known[place] = _hides_padding_alone(model, core, one.mask, max_tokens)
        if known[place]:
            one.replace(model.input(INPUTS[1]).get_node())
            changed += 1
    model.validate_nodes_and_infer_types()
    return changed


class _Attention:
    """A node of attention whose queries and keys come from linear layers of constant weights."""

    def __init__(self, node: Any, heads: int, width: int) -> None:
        self._node = node
        self._heads, self._width = heads, width
        self.mask = node.input_value(3)

    @classmethod
    def of(cls, node: Any) -> _Attention | None:
        """The node, where it is one that can be changed."""
        if node.get_type_name() != _ATTENTION or node.get_input_size() not in (4, 5):
            return None
        shape = node.input_value(0).get_partial_shape()
        if node.get_attributes()["causal"] or shape.rank.is_dynamic or shape[1].is_dynamic or shape[3].is_dynamic:
            return None
        one = cls(node, shape[1].get_length(), shape[3].get_length())
        projections = [one._projection(node.input_value(place)) for place in range(2)]
        return one if all(projections) else None

    def replace(self, attention_mask: Any) -> None:
        """The node by products whose keys carry the mask, int64 [texts, tokens], 0 where a token is padding."""
        ops = load_operations()
        channel = np.zeros(self._width + 1, dtype=np.float32)
        channel[-1] = _HIDDEN
        hidden = ops.subtract(ops.constant(np.float32(1)), ops.convert(attention_mask, "f32"))
        on_keys = ops.multiply(ops.unsqueeze(hidden, ops.constant(np.array([2, 3]))), ops.constant(channel))
        query = self._wider(self._node.input_value(0), 1.0)
        key = ops.add(self._wider(self._node.input_value(1), 0.0), on_keys)
        query, key = (ops.transpose(one, ops.constant(np.array(_HEADS_FIRST))) for one in (query, key))
        scale = ops.constant(np.float32(self._width**-0.5))
        if self._node.get_input_size() == 5:
            scale = self._node.input_value(4)
        scores = ops.matmul(ops.multiply(query, scale), key, False, True)
        attended = ops.matmul(ops.softmax(scores, -1), self._node.input_value(2), False, False)
        attended.set_friendly_name(self._node.get_friendly_name())
        self._node.output(0).replace(attended.output(0))

    def _projection(self, value: Any) -> tuple[Any, Any, Any] | None:
        """The inputs, weights and bias that `value` is made of, heads put first; None if it is made otherwise."""
        transpose = value.get_node()
        if transpose.get_type_name() != "Transpose" or _constant(transpose.input_value(1)) != _HEADS_FIRST:
            return None
        reshape = transpose.input_value(0).get_node()
        if reshape.get_type_name() != "Reshape":
            return None
        last = reshape.input_value(0).get_node()
        product = last.input_value(0).get_node() if last.get_type_name() == "Add" else last
        if product.get_type_name() != "MatMul":
            return None
        told, weight = product.get_attributes(), product.input_value(1)
        if told["transpose_a"] or not told["transpose_b"] or not self._is_constant(weight, 0):
            return None
        outputs = self._heads * self._width
        bias = (
            load_operations().constant(np.zeros(outputs, np.float32)).output(0)
            if last is product
            else last.input_value(1)
        )
        return (product.input_value(0), weight, bias) if self._is_constant(bias, -1) else None

    def _is_constant(self, value: Any, axis: int) -> bool:
        """Whether `value` has an entry along `axis` for each output and is a constant, perhaps converted, and perhaps
        with a scale."""
        node, shape = value.get_node(), value.get_partial_shape()
        if node.get_type_name() == "Multiply":
            return all(self._is_constant(node.input_value(place), axis) for place in range(2))
        if not len(shape) or shape[axis] != self._heads * self._width:
            return False
        while node.get_type_name() == "Convert":
            node = node.input_value(0).get_node()
        return bool(node.get_type_name() == "Constant")

    def _wider(self, value: Any, fill: float) -> Any:
        """[texts, tokens, heads, width + 1], the last channel `fill`."""
        ops = load_operations()
        projection = self._projection(value)
        assert projection is not None
        inputs, weight, bias = projection
        product = ops.matmul(inputs, self._with_channel(weight, 0, 0.0), False, True)
        outputs = ops.add(product, self._with_channel(bias, -1, fill))
        return ops.reshape(outputs, ops.constant(np.array([0, 0, self._heads, self._width + 1])), True)

    def _with_channel(self, value: Any, axis: int, fill: float) -> Any:
        """A constant, however it is compressed, with one more entry a head along `axis`."""
        ops, node = load_operations(), value.get_node()
        if node.get_type_name() == "Constant":
            return ops.constant(self._padded(node.get_data(), axis, fill))
        if node.get_type_name() == "Convert":
            return ops.convert(self._with_channel(node.input_value(0), axis, fill), "f32")
        values, scale = (node.input_value(place) for place in range(2))
        return ops.multiply(self._with_channel(values, axis, fill), self._with_channel(scale, axis, 1.0))

    def _padded(self, values: NDArray[Any], axis: int, fill: float) -> NDArray[Any]:
        axis %= values.ndim
        before, after = values.shape[:axis], values.shape[axis + 1 :]
        heads = values.reshape(*before, self._heads, self._width, *after)
        more = np.full((*before, self._heads, 1, *after), fill, dtype=values.dtype)
        return np.concatenate([heads, more], axis + 1).reshape(*before, self._heads * (self._width + 1), *after)


def _hides_padding_alone(model: Any, core: Any, mask: Any, tokens: int) -> bool:
    """Whether the mask, run on texts with padding at the end and with holes, is that of the keys for every query."""
    if mask.get_element_type().get_type_name() != "boolean" or _reads_words(mask.get_node()):
        return False
    openvino = load_openvino()
    draw = np.random.default_rng(0)
    given = np.stack([np.arange(tokens) < max(tokens // 3, 1), draw.random(tokens) < 0.5]).astype(np.int64)
    ids = draw.integers(0, 2, given.shape)
    part = openvino.Model([load_operations().result(mask)], model.get_parameters(), "mask")
    try:
        found = core.compile_model(part, "CPU")(dict(zip(INPUTS, (ids, given), strict=True)))[0]
    except RuntimeError:
        return False
    if found.ndim != 4 or found.shape[0] != len(given) or found.shape[-1] != tokens:
        return False
    return bool((found.astype(bool) == (given[:, None, None, :] == 1)).all())


def _reads_words(node: Any) -> bool:
    """Whether more than the shape of the token ids has to do with what `node` gives."""
    seen, left = set(), [node]
    while left:
        one = left.pop()
        if one.get_type_name() == "Parameter" and INPUTS[0] in one.output(0).get_names():
            return True
        if one.get_type_name() != "ShapeOf" and one.get_friendly_name() not in seen:
            left += [one.input_value(place).get_node() for place in range(one.get_input_size())]
        seen.add(one.get_friendly_name())
    return False


def _constant(value: Any) -> list[int] | None:
    node = value.get_node()
    return node.get_data().reshape(-1).tolist() if node.get_type_name() == "Constant" else None
