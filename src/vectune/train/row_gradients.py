"""The gradient of large embedding tables, collected over a step's micro-batches as the rows that were looked up.

Left to autograd, the sparse gradients of one micro-batch after another are put behind those before them, each time in a
new tensor: what has been collected is copied once for each micro-batch that follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Piece = tuple[Tensor, Tensor]
"""Numbers of rows, int64 [n], and their gradients, [n, dim]; a row may stand there more than once."""


class _Lookup(torch.autograd.Function):
    """Rows of a table; backwards, their gradient goes into a list and not into the table's `grad`."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, ids: Tensor, pieces: list[Piece]) -> Tensor:
        """Rows `ids` [...] of `table` [rows, dim]: [..., dim]."""
        ctx.ids, ctx.pieces = ids, pieces
        return F.embedding(ids, table)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, None]:
        """Nothing is handed on: `RowGradients.settle` sums up what was collected."""
        (gradient,) = gradients
        ctx.pieces.append((ctx.ids.flatten(), gradient.reshape(-1, gradient.shape[-1])))
        return None, None, None


def only_looks_up(module: nn.Module) -> bool:
    """Whether `module` gives rows of its table as they are, of a gradient that can be had row by row.

    A subclass with a forward pass of its own (Gemma's scales the rows) does something else; so does a table that
    rescales its rows (`max_norm`) or their gradients by their number (`scale_grad_by_freq`).
    """
    return (
        isinstance(module, nn.Embedding)
        and type(module).forward is nn.Embedding.forward
        and "forward" not in vars(module)
        and module.max_norm is None
        and not module.scale_grad_by_freq
    )


class RowGradients:
    """Owns what was collected for the tables of `model` that are marked as sparse."""

    def __init__(self, model: nn.Module) -> None:
        modules = [module for module in model.modules() if isinstance(module, nn.Embedding) and module.sparse]
        self._tables: list[tuple[nn.Embedding, list[Piece]]] = [(one, []) for one in modules if only_looks_up(one)]

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Within the block, lookups with a graph leave their gradients here; at its end they are in `grad`."""
        handles = [one.register_forward_hook(_looked_up(pieces), with_kwargs=True) for one, pieces in self._tables]
        try:
            yield
            self.settle()
        finally:
            for handle in handles:
                handle.remove()
            for _, pieces in self._tables:
                pieces.clear()

    def settle(self) -> None:
        """Add what was collected so far to each table's `grad`, sparse and each row once."""
        for module, pieces in self._tables:
            if not pieces:
                continue
            gradient = _summed(pieces, module)
            pieces.clear()
            before = module.weight.grad
            whole = gradient if before is None else before + gradient
            module.weight.grad = whole.coalesce() if whole.is_sparse else whole


def _looked_up(pieces: list[Piece]) -> Any:
    def hook(module: nn.Embedding, inputs: tuple[Tensor, ...], named: Mapping[str, Tensor], output: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return output
        ids = inputs[0] if inputs else named["input"]
        found: Tensor = _Lookup.apply(module.weight, ids, pieces)  # type: ignore[no-untyped-call]
        return found

    return hook


def _summed(pieces: list[Piece], module: nn.Embedding) -> Tensor:
    """The pieces as one coalesced sparse gradient of the table, without the row that stands for padding."""
    ids, gradients = (torch.cat(parts) for parts in zip(*pieces, strict=True))
    if module.padding_idx is not None:
        kept = ids != module.padding_idx
        ids, gradients = ids[kept], gradients[kept]
    rows, place = torch.unique(ids, return_inverse=True)
    values = gradients.new_zeros(len(rows), module.embedding_dim).index_add_(0, place, gradients)
    return torch.sparse_coo_tensor(rows[None], values, module.weight.shape, is_coalesced=True, check_invariants=False)
