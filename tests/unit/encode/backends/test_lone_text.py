"""A lone text has a graph of its own once there was one before it."""

from __future__ import annotations

import numpy as np
import pytest

from vectune.encode.backends.graph_encoder import Batch
from vectune.encode.backends.lone_text import LoneText, lone_batch


class Compiler:
    """Makes graphs that are told apart by their number."""

    def __init__(self, error: Exception | None = None) -> None:
        self.threads: list[int] = []
        self._error = error

    def __call__(self, threads: int) -> Compiler:
        self.threads.append(threads)
        if self._error is not None:
            raise self._error
        return self

    def create_infer_request(self) -> int:
        return len(self.threads)


@pytest.mark.parametrize(("cores", "threads"), [(2, 2), (4, 4), (64, 4)])
def test_the_second_text_and_all_after_it(cores: int, threads: int) -> None:
    """The first goes where batches go; for the second a graph is made, once, of few threads on any machine."""
    compiler = Compiler()
    lone = LoneText(compiler, cores)
    assert [lone.request() for _ in range(4)] == [None, 1, 1, 1]
    assert compiler.threads == [threads]


def test_one_core_needs_none() -> None:
    """There the graph for batches has no idle core."""
    compiler = Compiler()
    lone = LoneText(compiler, 1)
    assert [lone.request() for _ in range(3)] == [None] * 3
    assert not compiler.threads


def test_without_memory_for_it() -> None:
    """It is tried once; texts go where batches go then."""
    compiler = Compiler(RuntimeError("bad allocation"))
    lone = LoneText(compiler, 2)
    assert [lone.request() for _ in range(4)] == [None] * 4
    assert compiler.threads == [2]


def _batch(first: int, texts: int) -> Batch:
    ones = np.ones((texts, 4), dtype=np.int64)
    return Batch(np.arange(first, first + texts), ones, ones)


@pytest.mark.parametrize("sizes", [[], [2], [1, 1], [1, 2], [2, 1], [3, 1, 1]])
def test_batches_of_several_texts(sizes: list[int]) -> None:
    """None of them is a lone text, and all are handed on in their order."""
    batches = [_batch(10 * number, size) for number, size in enumerate(sizes)]
    lone, left = lone_batch(iter(batches))
    assert lone is None
    assert list(left) == batches


def test_a_lone_text() -> None:
    """The only batch, of one text, is told and handed on too."""
    batch = _batch(0, 1)
    lone, left = lone_batch(iter([batch]))
    assert lone is batch
    assert list(left) == [batch]
