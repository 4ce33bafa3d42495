"""Attention by whole matrices must be attention: the same values and gradients as torch's own, and nothing left on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import BertConfig, BertModel, LlamaConfig, LlamaModel

from vectune.train.attention import LONGEST, MatrixAttention, attend, matrix_attention


def _inputs(dtype: torch.dtype, length: int = 7) -> list[Tensor]:
    random = torch.Generator().manual_seed(3)
    return [torch.randn(3, 2, length, 4, generator=random).to(dtype).requires_grad_() for _ in range(3)]


def _mask(kind: str, length: int = 7) -> Tensor | None:
    if kind == "none":
        return None
    seen = torch.ones(3, 1, 1, length, dtype=torch.bool)
    if kind == "keys on the left":
        seen[2, ..., :3] = False
        return seen
    seen[1, ..., 5:] = False
    return seen if kind == "keys" else (seen & torch.ones(length, length, dtype=torch.bool).tril())


@pytest.mark.parametrize("length", [7, 32, 40])
@pytest.mark.parametrize("mask", ["none", "keys", "keys on the left", "causal and keys"])
def test_values_and_gradients_are_those_of_torch(mask: str, length: int) -> None:
    """In double precision both agree to rounding, with hidden keys and without, filled up or not."""
    seen = _mask(mask, length)
    results = []
    for own in (True, False):
        q, k, v = _inputs(torch.float64, length)
        if own:
            hidden = None if seen is None else ~seen
            given: Tensor = MatrixAttention.apply(q, k, v, hidden, 0.5)  # type: ignore[no-untyped-call]
        else:
            given = F.scaled_dot_product_attention(q, k, v, attn_mask=seen, scale=0.5)
        (given**2).sum().backward()  # type: ignore[no-untyped-call]
        results.append([given.detach(), q.grad, k.grad, v.grad])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_gradients_pass_the_numerical_check() -> None:
    """The backward pass is the derivative of the forward pass."""
    q, k, v = _inputs(torch.float64)
    mask = _mask("keys")
    assert mask is not None
    assert torch.autograd.gradcheck(lambda *parts: MatrixAttention.apply(*parts, ~mask, 0.5), (q, k, v))


def _bert() -> BertModel:
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64,
    )  # fmt: skip
    return BertModel(config).eval()


def _llama() -> LlamaModel:
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=64,
    )  # fmt: skip
    return LlamaModel(config).eval()


@pytest.mark.parametrize("build", [_bert, _llama])
def test_a_model_gives_the_same_within_the_block(build: Any) -> None:
    """Padded and causal models alike come out as with their own attention, up to bf16's rounding."""
    model = build()
    ids = torch.randint(0, 50, (4, 9), generator=torch.Generator().manual_seed(2))
    mask = torch.ones(4, 9, dtype=torch.long)
    mask[2, 6:] = 0
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        before = model(ids, attention_mask=mask).last_hidden_state.float()
        with matrix_attention(model):
            within = model(ids, attention_mask=mask).last_hidden_state.float()
    seen = mask.bool()
    assert F.cosine_similarity(before[seen], within[seen], dim=-1).min() > 0.999
    # Grouped heads go to torch's own attention, to the bit; the others are computed by matrices.
    assert torch.equal(before, within) is (build is _llama)


def test_afterwards_the_model_is_as_before() -> None:
    """The block leaves neither the switch nor the name of the attention behind, even when it fails."""
    model = _bert()
    names = []

    def fail() -> None:
        with matrix_attention(model):
            names.append(model.config._attn_implementation)
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()
    assert names != ["sdpa"]
    assert model.config._attn_implementation == "sdpa"


def test_a_model_without_switchable_attention_is_left_alone() -> None:
    """Eager models and models of other libraries train with what they have."""
    model = _bert()
    model.set_attn_implementation("eager")
    with matrix_attention(torch.nn.Sequential(model, torch.nn.Linear(2, 2))):
        assert model.config._attn_implementation == "eager"


class _Module(torch.nn.Module):
    is_causal = False


@pytest.mark.parametrize("keys", [3, 9])
def test_keys_of_another_length_are_attended_to_as_torch_does(keys: int) -> None:
    """Cross-attention goes to torch's own function: values and gradients are the same to the bit."""
    q = torch.randn(2, 2, 5, 8, dtype=torch.bfloat16)
    k, v = torch.randn(2, 2, 2, keys, 8, dtype=torch.bfloat16)
    results = []
    for own in (True, False):
        parts = [part.clone().requires_grad_() for part in (q, k, v)]
        if own:
            with matrix_attention(_bert()):
                given = attend(_Module(), *parts, None)[0].transpose(1, 2)
        else:
            given = F.scaled_dot_product_attention(*parts)
        (given.float() ** 2).sum().backward()  # type: ignore[no-untyped-call]
        results.append([given, *(part.grad for part in parts)])
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*results, strict=True))


@pytest.mark.parametrize("why", ["switched off", "fp32", "too long"])
def test_what_is_not_plain_goes_to_torch(why: str) -> None:
    """Outside the block, in fp32 and for long texts the probabilities are not kept."""
    length = LONGEST + 1 if why == "too long" else 5
    dtype = torch.float32 if why == "fp32" else torch.bfloat16
    q = torch.randn(1, 1, length, 8, dtype=dtype, requires_grad=True)
    kept: list[torch.Size] = []

    def note(value: Tensor) -> Tensor:
        kept.append(value.shape)
        return value

    model = _bert()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
        if why == "switched off":
            attend(_Module(), q, q, q, None)
        else:
            with matrix_attention(model):
                attend(_Module(), q, q, q, None)
    assert kept
    assert all(tuple(shape[-2:]) != (length, length) for shape in kept)
