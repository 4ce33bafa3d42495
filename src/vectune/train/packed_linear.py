"""Linear layers for training on a CPU in bf16: weights cast and packed once a step, layers of one input as one product.

oneDNN brings a matrix of weights into blocks of its own before it multiplies by it, in each product anew. Within a step
weights stay as they are: here they are packed once, as they stand for the forward pass and transposed for the backward
pass, and every micro-batch uses that. Query, key and value of an attention layer read the same input; their weights
stand side by side, so that each pass is one wide product and their gradients need not be added up afterwards.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn

_OF_ONE_INPUT = (
    ("query", "key", "value"),
    ("q_proj", "k_proj", "v_proj"),
    ("q_lin", "k_lin", "v_lin"),
    ("q", "k", "v"),
)
"""What the architectures in transformers call the layers of an attention that read the same input."""

_ROWS = 2048  # tokens that a packed matrix is made for; others are multiplied as well by it


def can_pack() -> bool:
    """Whether this torch and this CPU multiply by packed weights in bf16: oneDNN on x86 with AVX-512."""
    operators = torch.ops.mkldnn
    return (
        platform.machine() in ("x86_64", "AMD64")
        and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
        and all(hasattr(operators, name) for name in ("_linear_pointwise", "_reorder_linear_weight"))
        and bool(operators._is_mkldnn_bf16_supported())
    )


@contextmanager
def packed_linears(models: Sequence[nn.Module]) -> Iterator[None]:
    """Within the block, under autocast, the linear layers of `models` multiply by packed weights; afterwards as before.

    The models are one, or copies of it that share its weights, which are then packed once for all of them. Weights must
    not change within the block, and gradients reach them as ever. Layers with a forward pass of their own, and all of
    them where `can_pack` says no, stay as they are.
    """
    layers: list[nn.Linear] = []
    try:
        for groups in zip(*map(_groups, models), strict=True) if can_pack() else ():
            weights = _Weights(groups[0])
            for group in groups:
                shared = _Shared(group, weights)
                for place, layer in enumerate(group):
                    layer.forward = _forward(shared, layer, place)
                    layers.append(layer)
        yield
    finally:
        for layer in layers:
            del layer.forward


def _groups(model: nn.Module) -> list[list[nn.Linear]]:
    """Every plain linear layer once, those of one input together."""
    together = [group for module in model.modules() for group in _of_one_input(module)]
    taken = {id(layer) for group in together for layer in group}
    alone = [[layer] for layer in model.modules() if isinstance(layer, nn.Linear) and _plain(layer)]
    alone = [group for group in alone if id(group[0]) not in taken]
    return together + alone


def _of_one_input(module: nn.Module) -> Iterator[list[nn.Linear]]:
    children = dict(module.named_children())
    for names in _OF_ONE_INPUT:
        layers: list[Any] = [children.get(name) for name in names]
        if not all(_plain(layer) for layer in layers) or len({id(layer) for layer in layers}) < len(names):
            continue
        if len({(layer.in_features, layer.bias is None) for layer in layers}) == 1:
            yield layers


def _plain(layer: Any) -> bool:
    return type(layer) is nn.Linear and "forward" not in vars(layer)


def _forward(shared: _Shared, layer: nn.Linear, place: int) -> Any:
    def forward(inputs: Tensor) -> Tensor:
        if inputs.ndim < 2 or not inputs.numel() or not torch.is_autocast_enabled("cpu"):
            return nn.Linear.forward(layer, inputs)
        return shared.output(place, inputs)

    return forward


class _Weights:
    """Owns the packed weights of layers that read one input; whoever asks first packs them, others wait for that."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        self._layers = layers
        self._packed: _Packed | None = None
        self._lock = Lock()

    def packed(self) -> _Packed:
        with self._lock:
            if self._packed is None:
                self._packed = _Packed(self._layers)
            return self._packed


class _Shared:
    """Owns the outputs of layers that read one input which have not been asked for yet; for one thread."""

    def __init__(self, layers: Sequence[nn.Linear], weights: _Weights) -> None:
        self._layers = layers
        self._shared_weights = weights
        self._inputs: Tensor | None = None
        self._waiting: dict[int, Tensor] = {}

    def output(self, place: int, inputs: Tensor) -> Tensor:
        """What layer number `place` gives for `inputs` [..., in]; the first asked computes those of the others too."""
        if inputs is not self._inputs or place not in self._waiting:
            self._inputs, self._waiting = inputs, dict(enumerate(self._outputs(inputs)))
        found = self._waiting.pop(place)
        if not self._waiting:
            self._inputs = None
        return found

    def _outputs(self, inputs: Tensor) -> tuple[Tensor, ...]:
        packed = self._shared_weights.packed()
        weights = [layer.weight for layer in self._layers]
        biases = [layer.bias for layer in self._layers if layer.bias is not None]
        given: tuple[Tensor, ...] = _Product.apply(inputs.to(torch.bfloat16), packed, *weights, *biases)  # type: ignore[no-untyped-call]
        return given


class _Packed:
    """Weights of layers side by side, [sum of out, in] in bf16, packed for both passes, and their biases."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        weight = _side_by_side([layer.weight.detach() for layer in layers])
        biases = [layer.bias.detach() for layer in layers if layer.bias is not None]
        self.sizes = [layer.out_features for layer in layers]
        self.bias = _side_by_side(biases) if biases else None
        self.forward = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
        self.backward = torch.ops.mkldnn._reorder_linear_weight(weight.t().contiguous(), _ROWS)


def _side_by_side(parts: Sequence[Tensor]) -> Tensor:
    return (parts[0] if len(parts) == 1 else torch.cat(list(parts))).to(torch.bfloat16)


class _Product(torch.autograd.Function):
    """x W^T + b for the weights of a `_Packed`; weights and biases are handed in for their gradients' sake alone."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, packed: _Packed, *parameters: Tensor) -> tuple[Tensor, ...]:
        """Outputs [..., out] of each layer for inputs [..., in] in bf16."""
        ctx.save_for_backward(inputs)
        ctx.packed = packed
        whole: Tensor = _multiply(inputs, packed.forward, packed.bias)
        return torch.split(whole, packed.sizes, -1) if len(packed.sizes) > 1 else (whole,)  # no view: models may write

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the inputs in bf16, of weights and biases in fp32, in which micro-batches are added up."""
        (inputs,) = ctx.saved_tensors
        packed: _Packed = ctx.packed
        gradient = joined(gradients)
        wanted = ctx.needs_input_grad
        of_inputs = _multiply(gradient, packed.backward, None).view(inputs.shape) if wanted[0] else None
        of_weights = of_biases = tuple[Tensor | None, ...]([None] * len(packed.sizes))
        if any(wanted[2 : 2 + len(packed.sizes)]):
            product = torch.mm(gradient.t(), inputs.reshape(-1, inputs.shape[-1]))
            of_weights = torch.split(product.float(), packed.sizes)
        if packed.bias is None:
            of_biases = ()
        elif any(wanted[2 + len(packed.sizes) :]):
            of_biases = torch.split(gradient.sum(0).float(), packed.sizes)
        return of_inputs, None, *of_weights, *of_biases


def _multiply(values: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(values, packed, bias, "none", [], "")
    return product


def joined(parts: Sequence[Tensor]) -> Tensor:
    """[..., n] each, in one matrix [all rows, sum of n]; not copied where they stand side by side in one."""
    rows, width = parts[0].shape[:-1].numel(), sum(part.shape[-1] for part in parts)
    first, place = parts[0], parts[0].storage_offset()
    strides = torch.empty(*first.shape[:-1], width, device="meta").stride()
    for part in parts:
        beside = part.storage_offset() == place and part.stride() == strides
        if not beside or part.untyped_storage().data_ptr() != first.untyped_storage().data_ptr():
            return torch.cat(list(parts), -1).reshape(rows, width)
        place += part.shape[-1]
    return first.as_strided((rows, width), (width, 1))
