"""How a model computes while it is trained in bf16 on a CPU: attention by whole matrices, packed weights, bf16 between
the layers.

Weights stay in fp32. Under autocast alone the sums between layers stay in fp32 wherever the embeddings are fp32: each
matrix product then casts its input again, forward and backward. Embeddings handed on in bf16 keep the stream in bf16.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn

from vectune.train.attention import matrix_attention
from vectune.train.packed_linear import packed_linears


def training_arithmetic(
    models: Sequence[nn.Module], precision: Literal["fp32", "bf16"], device: torch.device
) -> AbstractContextManager[None]:
    """A context for both passes of a step: the fastest arithmetic for bf16 on a CPU, elsewhere the models' own.

    `models` is one model, or several with the same weights.

    Both passes belong into the block, since a layer that is computed again must compute as it did before; changes of
    weights do not.
    """
    return _bf16_on_cpu(models) if precision == "bf16" and device.type == "cpu" else nullcontext()


@contextmanager
def _bf16_on_cpu(models: Sequence[nn.Module]) -> Iterator[None]:
    with ExitStack() as stack:
        for model in models:
            stack.enter_context(matrix_attention(model))
            stack.enter_context(bf16_activations(model))
        stack.enter_context(packed_linears(models))
        yield


@contextmanager
def bf16_activations(model: nn.Module) -> Iterator[None]:
    """Within the block, embeddings that end in a layer norm hand bf16 to the layers after them.

    That is how BERT and its relatives are built; other models stay as they are.
    """
    hooks = [part.register_forward_hook(_in_bf16) for part in model.modules() if _ends_in_norm(part)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _ends_in_norm(part: nn.Module) -> bool:
    children = dict(part.named_children())
    return isinstance(children.get("word_embeddings"), nn.Embedding) and isinstance(
        children.get("LayerNorm"), nn.LayerNorm
    )


def _in_bf16(part: nn.Module, inputs: Any, output: Any) -> Any:
    return output.to(torch.bfloat16) if isinstance(output, Tensor) else output
