"""Several micro-batches at once on a CPU: threads, each with a copy of the model that shares the model's weights.

Two threads that work on one product meet after each operation, and what runs on one alone (Python, small operations)
leaves the other idle. With micro-batches of their own they meet once a pass. Each copy has gradients of its own, which
are added up in a fixed order, so that a run gives the same weights each time.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from vectune.encode.sentence_encoder import SentenceEncoder

Task = Callable[[SentenceEncoder], Tensor]
"""Gives the vectors of a micro-batch, [texts, D], with the encoder that it is handed."""
Given = TypeVar("Given")

_AT_ONCE = 2  # more were not measured
_COPIED_BYTES = 2**29  # gradients of a copy; models with more keep their memory and have large products anyway


def crew_size(encoder: SentenceEncoder, wanted: int | None) -> int:
    """How many micro-batches go through the model at once: `wanted`, or what suits the model and the threads there are.

    One on other devices than a CPU, and where something would be shared with a copy that works beside it: hooks, or a
    forward pass put in place of the class's.
    """
    threads = torch.get_num_threads()
    if encoder.device.type != "cpu" or "forward" in vars(encoder) or not _copyable(encoder.model):
        return 1
    if wanted is not None:
        return min(wanted, threads)
    return min(_AT_ONCE, threads) if _gradient_bytes(encoder.model) <= _COPIED_BYTES else 1


def form_crew(encoder: SentenceEncoder, wanted: int | None) -> Crew:
    """A crew of `crew_size`, or of one where the model cannot be copied: what models are made of is their own."""
    try:
        return Crew(encoder, crew_size(encoder, wanted))
    except Exception:
        return Crew(encoder, 1)


def _copyable(model: nn.Module) -> bool:
    return not any(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or "forward" in vars(module)
        for module in model.modules()
    )


def _gradient_bytes(model: nn.Module) -> int:
    """Bytes of the gradients of a step, without tables that have a row of it for each token seen."""
    tables = {id(part.weight) for part in model.modules() if isinstance(part, nn.Embedding) and part.sparse}
    return sum(part.nbytes for part in model.parameters() if part.requires_grad and id(part) not in tables)


class Crew:
    """Owns threads and copies of the model; the first thread works with the model itself."""

    def __init__(self, encoder: SentenceEncoder, size: int) -> None:
        self.encoders = [encoder, *(_sharing_weights(encoder) for _ in range(size - 1))]
        self._threads: list[ThreadPoolExecutor] = []
        if size > 1:
            self._start(size)

    @property
    def models(self) -> list[nn.Module]:
        """The model and its copies."""
        return [encoder.model for encoder in self.encoders]

    def _start(self, size: int) -> None:
        whole = torch.get_num_threads()
        self._threads = [ThreadPoolExecutor(1, f"micro-batches-{number}") for number in range(size)]
        self._each(lambda _: _take_threads(max(whole // size, 1)))
        torch.set_num_threads(whole)  # torch remembers the last number for threads that are still to come

    def forward(self, tasks: Sequence[Task], shares: Sequence[Sequence[int]]) -> Tensor:
        """What the tasks give, one after the other, [texts of all, D]; `shares` names the tasks of each thread.

        With a graph where gradients are on, of which each thread goes back through what it has made.
        """
        graph = torch.is_grad_enabled()

        def do(member: int) -> list[Tensor]:
            with torch.set_grad_enabled(graph):
                return [tasks[place](self.encoders[member]) for place in shares[member]]

        made = self._each(do)
        if not graph:
            return torch.cat(_in_order(made, shares))
        start = torch.zeros((), requires_grad=True)  # torch looks for a gradient only behind something that has one
        joined: Tensor = _Joined.apply(start, self, made, shares)  # type: ignore[no-untyped-call]
        return joined

    def backward(self, made: list[list[Tensor]], gradients: list[list[Tensor]]) -> None:
        """Add up the gradients of each thread's vectors in its own model, the last made first; `made` is empty then."""

        def do(member: int) -> None:
            while made[member]:
                torch.autograd.backward(made[member].pop(), gradients[member].pop())

        self._each(do)

    def clear(self) -> None:
        """No gradients in any model, and the copies in the mode that the model is in."""
        for model in self.models[1:]:
            model.train(self.models[0].training)
        for weight in (weight for model in self.models for weight in model.parameters()):
            weight.grad = None

    def gather(self) -> None:
        """Add the gradients of the copies to those of the model, one copy after another."""
        for model in self.models[1:]:
            for weight, other in zip(self.models[0].parameters(), model.parameters(), strict=True):
                weight.grad = _sum(weight.grad, other.grad)
                other.grad = None

    def _each(self, do: Callable[[int], Given]) -> list[Given]:
        """`do` for each member in its thread; an error is raised when all have come to an end."""
        running = [thread.submit(do, member) for member, thread in enumerate(self._threads)]
        wait(running)
        return [one.result() for one in running]


class _Joined(torch.autograd.Function):
    """Vectors made in several threads as one tensor, whose gradient goes back to these threads."""

    @staticmethod
    def forward(ctx: Any, start: Tensor, crew: Crew, made: list[list[Tensor]], shares: Any) -> Tensor:
        """The vectors in the order of the tasks."""
        ctx.crew, ctx.made, ctx.shares = crew, made, shares
        return torch.cat([vectors.detach() for vectors in _in_order(made, shares)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, None, None]:
        """Nothing for the inputs here: each thread's own graph ends in its model's weights."""
        sizes = [len(vectors) for vectors in _in_order(ctx.made, ctx.shares)]
        parts = torch.split(gradients[0], sizes)
        ctx.crew.backward(ctx.made, [[parts[place] for place in share] for share in ctx.shares])
        return None, None, None, None


def _take_threads(number: int) -> None:
    """So many threads for what this thread does; torch gives it the number that all have when it is first asked."""
    torch.get_num_threads()
    torch.set_num_threads(number)


def _in_order(made: Sequence[Sequence[Given]], shares: Sequence[Sequence[int]]) -> list[Given]:
    """What each thread has made of its share, in the order of the tasks."""
    found: dict[int, Given] = {}
    for own, share in zip(made, shares, strict=True):
        found |= zip(share, own, strict=True)
    return [found[place] for place in sorted(found)]


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return (one + other).coalesce() if one.is_sparse else one.add_(other)


def _sharing_weights(encoder: SentenceEncoder) -> SentenceEncoder:
    """The encoder with a copy of its model: modules of its own, whose weights lie in the same memory."""
    model = encoder.model
    shared: dict[int, Any] = {id(weight): _beside(weight) for weight in model.parameters()}
    shared |= {id(buffer): buffer for buffer in model.buffers()}
    shared[id(model.tokenizer)] = model.tokenizer
    other = copy.copy(encoder)
    other.model = copy.deepcopy(model, shared)
    return other


def _beside(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(weight.detach(), requires_grad=weight.requires_grad)
