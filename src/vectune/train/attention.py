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
_WIDTH = 32  # bf16 values in a register of 512 bits
LONGEST = 512  # tokens; beyond, the score matrices outgrow the caches and the memory that they cost


class MatrixAttention(torch.autograd.Function):
    """softmax(q k^T * scale + mask) v on [texts, heads, length, head size]; the probabilities are kept.

    `hidden` bool [texts, 1, 1 or length, length] marks the keys that a query must not see; None hides nothing. Keys and
    values are filled up to a multiple of `_WIDTH`, and what was filled up is hidden too: torch's softmax takes twice as
    long for other widths.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None, scale: float) -> Tensor:
        """The attended values, of q's shape."""
        texts, heads, length, size = q.shape
        flat = q.new_empty(texts, heads, length, size)
        torch.mul(q, scale, out=flat)  # here it costs less than on the scores
        flat = flat.view(texts * heads, length, size)
        keys, values = _filled_up(k), _filled_up(v)
        scores = torch.bmm(flat, keys.transpose(1, 2))
        _hide(scores.view(texts, heads, length, -1), hidden)
        probabilities = torch._softmax(scores, -1, False, out=scores)  # in place: other memory would be cold
        ctx.save_for_backward(flat, keys, values, probabilities)
        ctx.scale = scale
        ctx.shape = q.shape
        return torch.bmm(probabilities, values).view(q.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """Gradients of q, k and v. A hidden key has probability 0, hence gradient 0."""
        q, k, v, probabilities = ctx.saved_tensors
        texts, heads, length, size = ctx.shape
        gradient = gradients[0].reshape(texts * heads, length, size)
        of_values = torch.bmm(probabilities.transpose(1, 2), gradient)
        of_probabilities = torch.bmm(gradient, v.transpose(1, 2))
        of_scores = torch._softmax_backward_data(
            of_probabilities, probabilities, -1, probabilities.dtype, grad_input=of_probabilities
        )
        of_keys = torch.bmm(of_scores.transpose(1, 2), q)
        of_queries = torch.bmm(of_scores, k).view(ctx.shape)
        # Side by side, token by token: as the product that they came from has them, which then copies nothing.
        given = gradient.new_empty(texts, length, 3, heads, size).permute(2, 0, 3, 1, 4)
        torch.mul(of_queries, ctx.scale, out=given[0])
        for part, place in zip((of_keys, of_values), given[1:], strict=True):
            place.copy_(part.view(texts, heads, -1, size)[:, :, :length])
        return given[0], given[1], given[2], None, None


def _filled_up(values: Tensor) -> Tensor:
    """[texts, heads, length, size] as [texts * heads, width, size], zeros after the length."""
    texts, heads, length, size = values.shape
    width = -(-length // _WIDTH) * _WIDTH
    if width == length:
        return values.reshape(texts * heads, length, size)
    wide = values.new_zeros(texts, heads, width, size)
    wide[:, :, :length] = values
    return wide.view(texts * heads, width, size)


def _hide(scores: Tensor, hidden: Tensor | None) -> None:
    """Let nothing of the hidden keys, and of those filled up, be seen in `scores` [texts, heads, length, width].

    Only the columns that hide something are gone through: texts of a micro-batch are of about one length.
    """
    length, lowest = scores.shape[2], torch.finfo(scores.dtype).min
    scores[..., length:] = lowest
    if hidden is None:
        return
    columns = hidden.flatten(0, 2).any(0).nonzero()
    if len(columns):
        first, end = int(columns[0]), int(columns[-1]) + 1
        scores[..., first:end].masked_fill_(hidden[..., first:end], lowest)


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
    if not _plain(module, query, key, value, attention_mask, settings):
        given: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **settings)
        return given
    hidden = None if attention_mask is None else ~attention_mask
    scale = settings.get("scaling") or query.shape[-1] ** -0.5
    attended: Tensor = MatrixAttention.apply(query, key, value, hidden, scale)  # type: ignore[no-untyped-call]
    return attended.transpose(1, 2), None


def _plain(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, settings: dict[str, Any]
) -> bool:
    causal = settings.get("is_causal")
    causal = getattr(module, "is_causal", True) if causal is None else causal
    return (
        _Switch.on
        and query.dtype == torch.bfloat16
        and query.device.type == "cpu"
        and query.shape == key.shape == value.shape  # as many heads, and the texts attend to themselves
        and key.shape[2] <= LONGEST
        and (mask is not None or not causal)
        and (mask is None or _hides_keys(mask, key))
        and not settings.get("dropout")
        and all(settings.get(name) is None for name in ("position_bias", "softcap", "cache"))
    )


def _hides_keys(mask: Tensor, key: Tensor) -> bool:
    """Whether the mask marks keys, the same for all heads; others add to the scores."""
    return mask.dtype == torch.bool and mask.ndim == 4 and mask.shape[1] == 1 and mask.shape[-1] == key.shape[2]


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
