"""Gradients of tables collected as rows are the gradients of the tables."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from transformers.models.gemma3.modeling_gemma3 import Gemma3TextScaledWordEmbedding

from vectune.train.optimiser import make_tables_sparse
from vectune.train.row_gradients import RowGradients

IDS = (torch.tensor([[3, 1, 3], [0, 5, 1]]), torch.tensor([[5, 5, 2]]))


def _table(*, sparse: bool, padding: int | None = None) -> nn.Embedding:
    torch.manual_seed(0)
    return nn.Embedding(8, 4, sparse=sparse, padding_idx=padding)


def _loss(table: nn.Embedding) -> torch.Tensor:
    return torch.stack([(table(ids) ** 2 * (1 + number)).sum() for number, ids in enumerate(IDS)]).sum()


@pytest.mark.parametrize("padding", [None, 0, 5])
def test_the_sum_is_that_of_autograd(padding: int | None) -> None:
    """Rows that are looked up twice count twice, padding counts nothing, and each row stands there once."""
    plain, collected = _table(sparse=False, padding=padding), _table(sparse=True, padding=padding)
    _loss(plain).backward()
    with RowGradients(collected).collected():
        _loss(collected).backward()
    gradient, expected = collected.weight.grad, plain.weight.grad
    assert gradient is not None
    assert expected is not None
    assert gradient.is_coalesced()
    torch.testing.assert_close(gradient.to_dense(), expected)
    seen = {1, 2, 3, 5, 0} - ({padding} if padding is not None else set())
    assert set(gradient.indices()[0].tolist()) == seen


def test_ids_by_keyword_are_looked_up_as_others_are() -> None:
    """A model may call its table as `table(input=ids)`: vectors and gradient are those of `table(ids)`."""
    plain, collected = _table(sparse=False), _table(sparse=True)
    plain(IDS[0]).square().sum().backward()
    with RowGradients(collected).collected():
        found = collected(input=IDS[0])
        assert torch.equal(found, plain(IDS[0]))
        found.square().sum().backward()
        assert collected.weight.grad is None  # until the step ends
    assert collected.weight.grad is not None
    assert plain.weight.grad is not None
    torch.testing.assert_close(collected.weight.grad.to_dense(), plain.weight.grad)


def test_what_was_settled_is_added_to() -> None:
    """Backward passes one after the other add up, whether or not they were settled in between."""
    once, twice = _table(sparse=True), _table(sparse=True)
    with RowGradients(once).collected():
        _loss(once).backward()
        _loss(once).backward()
    rows = RowGradients(twice)
    with rows.collected():
        _loss(twice).backward()
        rows.settle()
        _loss(twice).backward()
    assert once.weight.grad is not None
    assert twice.weight.grad is not None
    torch.testing.assert_close(once.weight.grad.to_dense(), twice.weight.grad.to_dense())
    assert twice.weight.grad.is_coalesced()


def test_a_table_that_is_used_otherwise_too_gets_both_gradients() -> None:
    """A dense gradient of the same table is not lost."""
    plain, collected = _table(sparse=False), _table(sparse=True)
    for table in (plain, collected):
        with RowGradients(table).collected():
            (_loss(table) + (table.weight**3).sum()).backward()
    assert collected.weight.grad is not None
    torch.testing.assert_close(collected.weight.grad, plain.weight.grad)


def test_nothing_of_a_broken_step_is_left() -> None:
    """What a step had collected when it failed is not in the next one, and lookups are torch's own again."""
    table = _table(sparse=True)
    rows = RowGradients(table)

    def fail() -> None:
        with rows.collected():
            _loss(table).backward()
            raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        fail()
    rows.settle()
    assert table.weight.grad is None
    _loss(table).backward()
    assert table.weight.grad is not None


def test_without_a_graph_nothing_is_collected() -> None:
    """Looking up alone leaves nothing behind."""
    table = _table(sparse=True)
    with RowGradients(table).collected(), torch.no_grad():
        _loss(table)
    assert table.weight.grad is None


@pytest.mark.parametrize("marked", [False, True], ids=["as the optimiser marks it", "marked by somebody else"])
def test_a_table_that_scales_its_rows_still_does(marked: bool) -> None:
    """Gemma's embedding gives in training what it gives in inference, and the gradient is autograd's."""
    table = Gemma3TextScaledWordEmbedding(4096, 4, padding_idx=0, embed_scale=7.0)
    with torch.no_grad():
        expected = table(IDS[0])
    _loss(table).backward()
    assert table.weight.grad is not None
    gradient, table.weight.grad = table.weight.grad, None
    make_tables_sparse(table)
    table.sparse = marked or table.sparse
    with RowGradients(table).collected():
        assert torch.equal(table(IDS[0]), expected)
        _loss(table).backward()
    assert table.weight.grad is not None
    torch.testing.assert_close(table.weight.grad.to_dense(), gradient)


@pytest.mark.parametrize("setting", [{"max_norm": 0.5}, {"scale_grad_by_freq": True}])
def test_tables_with_rules_of_their_own_keep_them(setting: dict[str, Any]) -> None:
    """Rows that are rescaled, and gradients by how often a row was looked up, are torch's own, large table or not."""
    results = []
    for ours in (False, True):
        torch.manual_seed(0)
        table = nn.Embedding(4096, 4, **setting)
        if ours:
            make_tables_sparse(table)
        with RowGradients(table).collected():
            _loss(table).backward()
        assert table.weight.grad is not None
        results.append((table.weight.detach(), table.weight.grad.to_dense()))
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected)
