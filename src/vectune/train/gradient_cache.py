"""Gradient caching (GradCache: Gao et al., 2021, arXiv 2101.06983): one loss over more texts than fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from vectune.encode.tokens import Indices

Group = Sequence[Indices]
"""Micro-batches whose activations are kept at the same time; each is an array of positions in the batch's texts."""


def backpropagate(
    forward: Callable[[Group], Tensor],
    groups: Sequence[Group],
    loss: Callable[[Tensor], Tensor],
    *,
    keep_first: bool = True,
) -> Tensor:
    """Add the gradient of `loss` to the weights' `grad` and give the loss back, a scalar without a graph.

    `forward` gives the vectors [texts of the group, D] of a group in the group's order; `groups` hold every position
    of 0..T-1 once; `loss` takes the vectors [T, D]. All vectors are computed first: the first group's with a graph
    (unless `keep_first` is off), the others' without. The loss's gradient with regard to the vectors, [T, D], is then
    computed once, and each group without a graph is computed again, with one, to receive its part of it. By the chain
    rule that is the gradient of the plain step, at the price of a second forward pass over the groups after the first;
    no more than one group's activations are ever there. One group that is kept is the plain step.

    Random numbers (dropout) are drawn the same both times.
    """
    positions = np.concatenate([part for group in groups for part in group])
    back = torch.from_numpy(np.argsort(positions))
    if len(groups) == 1 and keep_first:
        vectors = forward(groups[0])
        value = loss(vectors[back.to(vectors.device)])
        value.backward()  # type: ignore[no-untyped-call]
        return value.detach()
    kept = forward(groups[0]) if keep_first else None
    again = groups[1:] if keep_first else groups
    draws, rest = _without_graph(forward, again)
    vectors = torch.cat([*([] if kept is None else [kept.detach()]), *rest])
    order = back.to(vectors.device)
    leaf = vectors[order].requires_grad_()
    value = loss(leaf)
    value.backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    gradient = torch.empty_like(leaf.grad)
    gradient[order] = leaf.grad
    parts = torch.split(gradient, [len(part) for part in ([] if kept is None else [kept]) + rest])
    if kept is not None:
        kept.backward(parts[0])  # type: ignore[no-untyped-call]
        del kept
        parts = parts[1:]
    for group, draw, part in zip(again, draws, parts, strict=True):
        with _drawing_from(draw, vectors.device):
            forward(group).backward(part)  # type: ignore[no-untyped-call]
    return value.detach()


def _without_graph(
    forward: Callable[[Group], Tensor], groups: Sequence[Group]
) -> tuple[list[tuple[Tensor, Tensor | None]], list[Tensor]]:
    """The state of the random generators before each group, and the group's vectors."""
    draws: list[tuple[Tensor, Tensor | None]] = []
    vectors: list[Tensor] = []
    with torch.no_grad():
        for group in groups:
            on_gpu = torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]
            draws.append((torch.get_rng_state(), on_gpu))
            vectors.append(forward(group))
    return draws, vectors


@contextmanager
def _drawing_from(state: tuple[Tensor, Tensor | None], device: torch.device) -> Iterator[None]:
    """Random numbers as from `state` on within the block; afterwards as if it had drawn none."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.set_rng_state(state[0])
        if state[1] is not None:
            torch.cuda.set_rng_state(state[1])
        yield
