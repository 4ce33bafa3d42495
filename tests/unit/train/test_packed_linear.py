"""Packed weights must multiply as plain ones do, in both passes, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers import BertConfig, BertModel

from vectune.train.attention import MatrixAttention
from vectune.train.packed_linear import can_pack, joined, packed_linears


class _Attention(nn.Module):
    """Three layers by the names that BERT gives them, with outputs of different sizes."""

    def __init__(self, *, bias: bool) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(8, size, bias=bias) for size in (8, 4, 6))

    def forward(self, inputs: Tensor, others: Tensor | None = None) -> Tensor:
        others = inputs if others is None else others
        return torch.cat([self.query(inputs), self.key(others).sin(), self.value(others).cos()], -1)


def _attention(*, bias: bool = True) -> _Attention:
    torch.manual_seed(5)
    return _Attention(bias=bias)


def _inputs(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def _passes(model: nn.Module, *inputs: Tensor, packed: bool) -> list[Tensor]:
    """The output, then the gradients of the inputs and of all parameters that take one."""
    wanted = [*inputs, *(weight for weight in model.parameters() if weight.requires_grad)]
    for value in wanted:
        value.grad = None
    with packed_linears([model]) if packed else torch.enable_grad():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output: Tensor = model(*inputs)
        output.float().pow(2).sum().backward()  # type: ignore[no-untyped-call]
    return [output.detach(), *(value.grad.clone() for value in wanted if value.grad is not None)]


def _close(ours: list[Tensor], theirs: list[Tensor]) -> None:
    assert len(ours) == len(theirs)
    for own, other in zip(ours, theirs, strict=True):
        assert own.dtype == other.dtype
        torch.testing.assert_close(own.float(), other.float(), rtol=0.03, atol=0.03 * float(other.float().abs().max()))


@pytest.mark.parametrize("shape", [(5, 8), (2, 5, 8), (1, 1, 8)])
@pytest.mark.parametrize("bias", [True, False])
def test_layers_of_one_input_give_what_they_give_alone(bias: bool, shape: tuple[int, ...]) -> None:
    """Outputs and all gradients agree with autocast's to bf16's rounding, gradients in the weights' fp32."""
    model, inputs = _attention(bias=bias), _inputs(*shape)
    _close(_passes(model, inputs, packed=True), _passes(model, inputs, packed=False))


def test_layers_of_one_input_may_be_given_two() -> None:
    """Attention over another text's tokens: each layer gives what belongs to its own input."""
    model, inputs, others = _attention(), _inputs(3, 8), _inputs(3, 8, seed=2)
    _close(_passes(model, inputs, others, packed=True), _passes(model, inputs, others, packed=False))


def test_what_a_lone_layer_gives_may_be_written_to() -> None:
    """Models add to a layer's output, or cut it off, in place."""
    model, inputs = nn.Sequential(nn.Linear(8, 4), nn.ReLU(inplace=True)), _inputs(3, 8)
    _close(_passes(model, inputs, packed=True), _passes(model, inputs, packed=False))


def test_a_layer_asked_twice_for_one_input_answers_twice() -> None:
    """As where layers are computed again for the backward pass."""
    model, inputs = _attention(), _inputs(3, 8)
    with packed_linears([model]), torch.autocast("cpu", dtype=torch.bfloat16):
        first, second = model.query(inputs), model.query(inputs)
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize("name", ["one product", "others"])
def test_a_model_gives_the_same_within_the_block(name: str) -> None:
    """A whole BERT: layers of attention, of the feed-forward part, and the pooler."""
    torch.manual_seed(2)
    config = BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
    model = BertModel(config).eval()
    if name == "others":
        for layer in model.encoder.layer:
            layer.attention.self.register_module("value", nn.Sequential(layer.attention.self.value))
    ids = torch.arange(14).view(2, 7)
    results = []
    for packed in (True, False):
        model.zero_grad()
        with packed_linears([model]) if packed else torch.enable_grad():
            with torch.autocast("cpu", dtype=torch.bfloat16):
                output = model(input_ids=ids).last_hidden_state
            output.float().pow(2).mean().backward()
        gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
        results.append((output.float().detach(), torch.cat([gradient.flatten() for gradient in gradients])))
    (ours, our_gradient), (theirs, their_gradient) = results
    assert torch.nn.functional.cosine_similarity(ours, theirs, dim=-1).min() > 0.999
    assert torch.nn.functional.cosine_similarity(our_gradient, their_gradient, dim=0) > 0.999


def test_frozen_weights_get_no_gradient_and_hand_it_on() -> None:
    """What low-rank updates do: the base is frozen, its input is not; and a first layer whose input needs none."""
    model, inputs = _attention(), _inputs(3, 8)
    model.requires_grad_(False)
    model.value.weight.requires_grad_()
    _close(_passes(model, inputs, packed=True), _passes(model, inputs, packed=False))
    assert model.query.weight.grad is None
    assert model.value.bias.grad is None
    _passes(model, inputs.detach(), packed=True)
    assert model.value.weight.grad is not None


def test_weights_that_moved_are_packed_anew() -> None:
    """Each block sees the weights as they are when it begins."""
    model, inputs = _attention(), _inputs(3, 8)
    before = _passes(model, inputs, packed=True)
    with torch.no_grad():
        model.query.weight.mul_(-2)
    after = _passes(model, inputs, packed=True)
    _close(after, _passes(model, inputs, packed=False))
    assert not torch.allclose(before[0][..., :8], after[0][..., :8], atol=0.1)


def test_without_autocast_layers_compute_in_fp32() -> None:
    """A part of a model that asks for fp32 gets it; a batch of nothing and a lone vector have their outputs too."""
    layer, inputs = nn.Linear(8, 4), _inputs(3, 8)
    with packed_linears([layer]):
        given = layer(inputs)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            nothing, lone = layer(inputs[:0]), layer(inputs[0])
    torch.testing.assert_close(given, layer(inputs), rtol=0, atol=0)
    assert nothing.shape == (0, 4)
    torch.testing.assert_close(lone.float(), given[0], rtol=0.03, atol=0.03)


class _Own(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name that nn.Linear gives it
        return super().forward(input) * 2


def _with_own_forward() -> nn.Linear:
    layer = nn.Linear(8, 4)
    layer.forward = lambda input: torch.zeros(len(input), 4)  # type: ignore[method-assign] # noqa: A006 - as above
    return layer


def _parametrized() -> nn.Module:
    return parametrize.register_parametrization(nn.Linear(8, 4), "weight", nn.Identity())


@pytest.mark.parametrize("build", [lambda: _Own(8, 4), _with_own_forward, _parametrized])
def test_layers_of_their_own_kind_stay_as_they_are(build: Callable[[], nn.Module]) -> None:
    """A subclass, a layer whose forward pass was replaced, a weight that is computed."""
    layer, inputs = build(), _inputs(3, 8)
    before = vars(layer).get("forward")
    with packed_linears([layer]):
        assert vars(layer).get("forward") is before
        within = layer(inputs)
    assert vars(layer).get("forward") is before
    torch.testing.assert_close(within, layer(inputs))


def test_nothing_is_left_behind_even_by_an_error() -> None:
    """After the block, and after one that failed, every layer has the forward pass of its class."""
    model = _attention()
    with packed_linears([model]):
        assert ["forward" in vars(layer) for layer in (model.query, model.key, model.value)] == [can_pack()] * 3
    assert not any("forward" in vars(layer) for layer in model.modules())
    with pytest.raises(ValueError, match="on purpose"), packed_linears([model]):
        raise ValueError("on purpose")
    assert not any("forward" in vars(layer) for layer in model.modules())


def test_gradients_of_attention_are_joined_without_a_copy() -> None:
    """Attention leaves the gradients of queries, keys and values side by side, in layouts that layers read as one."""
    q, k, v = (_inputs(3, 7, 8, seed=seed) for seed in range(3))
    heads = [part.view(3, 7, 2, 4).transpose(1, 2) for part in (q, k, v)]
    given: Tensor = MatrixAttention.apply(*heads, None, 0.5)  # type: ignore[no-untyped-call]
    gradients = torch.autograd.grad(given.sum(), heads)
    parts = [gradient.transpose(1, 2).reshape(3, 7, 8) for gradient in gradients]
    whole = joined(parts)
    assert whole.data_ptr() == parts[0].data_ptr()
    torch.testing.assert_close(whole, torch.cat(parts, -1).view(21, 24), rtol=0, atol=0)


@pytest.mark.parametrize("order", [(1, 0), (0, 0), (0, 2)])
def test_parts_that_do_not_stand_side_by_side_are_copied(order: tuple[int, int]) -> None:
    """In another order, the same one twice, or with a gap between them."""
    columns = _inputs(2, 3, 12).detach().split(4, -1)
    parts = [columns[place] for place in order]
    whole = joined(parts)
    torch.testing.assert_close(whole, torch.cat(parts, -1).view(6, 8), rtol=0, atol=0)
    assert whole.untyped_storage().data_ptr() != columns[0].untyped_storage().data_ptr()


def test_neighbours_of_different_memory_are_copied() -> None:
    """The same strides and matching offsets prove nothing about parts of two tensors."""
    first, second = _inputs(2, 3, 8).detach(), _inputs(2, 3, 8, seed=2).detach()
    parts = [first[..., :4], second[..., 4:]]
    torch.testing.assert_close(joined(parts), torch.cat(parts, -1).view(6, 8), rtol=0, atol=0)


def test_copies_share_packed_weights_and_have_gradients_of_their_own() -> None:
    """What was packed for one model serves the other, as weights lost since then show; each has its gradients."""
    one, other = _attention(), _attention()
    for weight, own in zip(other.parameters(), one.parameters(), strict=True):
        weight.data = own.data
    inputs = _inputs(2, 5, 8)
    with packed_linears([one, other]), torch.autocast("cpu", dtype=torch.bfloat16):
        first = one(inputs)
        for weight in one.parameters():
            weight.data.zero_()
        second = other(inputs)
        first.float().sum().backward()
    assert bool(first.any())
    assert torch.equal(first, second) is can_pack()
    assert all(weight.grad is not None for weight in one.parameters())
    assert all(weight.grad is None for weight in other.parameters())
