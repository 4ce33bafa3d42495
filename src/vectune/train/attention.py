"""Attention for training on a CPU in bf16: whole matrices instead of blocks.

torch's fused attention walks blocks of a few rows; on a CPU its bf16 backward pass spends most of its time in the
overhead of small products, the more so the shorter the texts. Products over a micro-batch's whole score matrices are
several times faster at the lengths that embedding models see, and keep the probabilities for the backward pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "vectune_matrices"
LONGEST = 512  # tokens; beyond, the score matrices outgrow the caches and the memory that they cost


class MatrixAttention(torch.autograd.Function):
    """softmax(q k^T * scale + mask) v on [texts * heads, length, head size]; the probabilities are kept.

    `hidden` bool [texts, 1, 1 or length, length] marks the keys that a query must not see; None hides nothing.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None, scale: float) -> Tensor:
        """The attended values, of q's shape."""
        scores = torch.bmm(q, k.transpose(1, 2)).mul_(scale)
        if hidden is not None:
            texts = len(hidden)
            scores.view(texts, -1, *scores.shape[1:]).masked_fill_(hidden, torch.finfo(scores.dtype).min)
        probabilities = torch.softmax(scores, dim=-1)
        ctx.save_for_backward(q, k, v, probabilities)
        ctx.scale = scale
        return torch.bmm(probabilities, v)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """Gradients of q, k and v. A hidden key has probability 0, hence gradient 0."""
        q, k, v, probabilities = ctx.saved_tensors
        (gradient,) = gradients
        of_values = torch.bmm(probabilities.transpose(1, 2), gradient)
        of_probabilities = torch.bmm(gradient, v.transpose(1, 2))
        of_scores = torch._softmax_backward_data(of_probabilities, probabilities, -1, probabilities.dtype)
        of_scores.mul_(ctx.scale)
        return torch.bmm(of_scores, k), torch.bmm(of_scores.transpose(1, 2), q), of_values, None, None


class _Switch:
    """Whether matrices are wanted now: models keep the attention function, encoding goes on with torch's own."""

    on = False


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **settings: Any,
) -> tuple[Tensor, None]:
    """transformers' attention interface: [texts, heads, length, head size] to [texts, length, heads, head size].

    Whatever is not plain attention over short texts in bf16 goes to torch's own function.
    """
    if not _plain(module, query, key, attention_mask, settings):
        given: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **settings)
        return given
    texts, heads, length, size = query.shape
    flat = [part.reshape(texts * heads, -1, part.shape[-1]) for part in (query, key, value)]
    hidden = None if attention_mask is None else ~attention_mask
    scale = settings.get("scaling") or size**-0.5
    attended: Tensor = MatrixAttention.apply(*flat, hidden, scale)  # type: ignore[no-untyped-call]
    return attended.view(texts, heads, length, -1).transpose(1, 2), None


def _plain(module: nn.Module, query: Tensor, key: Tensor, mask: Tensor | None, settings: dict[str, Any]) -> bool:
    causal = settings.get("is_causal")
    causal = getattr(module, "is_causal", True) if causal is None else causal
    return (
        _Switch.on
        and query.dtype == torch.bfloat16
        and query.device.type == "cpu"
        and query.shape[1] == key.shape[1]
        and key.shape[2] <= LONGEST
        and (mask is not None or not causal)
        and (mask is None or (mask.dtype == torch.bool and mask.ndim == 4 and mask.shape[1] == 1))
        and not settings.get("dropout")
        and all(settings.get(name) is None for name in ("position_bias", "softcap", "cache"))
    )


@contextmanager
def matrix_attention(model: nn.Module) -> Iterator[None]:
    """Within the block the transformers in `model` attend by whole matrices where `attend` can; afterwards as before.

    Models that bring attention of their own stay as they are.
    """
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    parts: list[Any] = [part for part in model.modules() if _switchable(part)]
    before = [(part, part.config._attn_implementation) for part in parts]
    for part, _ in before:
        part.set_attn_implementation(NAME)
    _Switch.on = True
    try:
        yield
    finally:
        _Switch.on = False
        for part, name in before:
            part.set_attn_implementation(name)


def _switchable(part: Any) -> bool:
    config = getattr(part, "config", None)
    return hasattr(part, "set_attn_implementation") and getattr(config, "_attn_implementation", None) == "sdpa"
