"""A lone text has a graph of its own once there was one before it."""

from __future__ import annotations

import numpy as np
import pytest

from vectune.encode.backends.graph_encoder import Batch
from vectune.encode.backends.lone_text import LoneText, lone_batch


class Compiler:
    """Makes graphs whose inferences are numbered."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[tuple[int, int]] = []
        self._error = error
        self._made = 0

    def __call__(self, threads: int, streams: int) -> Compiler:
        self.asked.append((threads, streams))
        if self._error is not None:
            raise self._error
        return self

    def create_infer_request(self) -> int:
        self._made += 1
        return self._made


@pytest.mark.parametrize(("cores", "threads", "streams"), [(2, 2, 1), (4, 4, 1), (7, 4, 1), (8, 8, 2), (64, 64, 16)])
def test_the_second_text_and_all_after_it(cores: int, threads: int, streams: int) -> None:
    """The first goes where batches go; for the second a graph is made, once, of few threads a text on any machine."""
    compiler = Compiler()
    lone = LoneText(compiler, cores)
    assert lone.take(_batch(0, 1)) is None
    assert not compiler.asked
    for _ in range(3):
        taken = [lone.take(_batch(0, 1)) for _ in range(streams)]
        assert sorted(taken) == list(range(1, streams + 1))
        assert lone.take(_batch(0, 1)) is None  # all are at work
        for request in taken:
            lone.give_back(request)
    assert compiler.asked == [(threads, streams)]
    assert lone.streams == streams


def test_one_core_needs_none() -> None:
    """There the graph for batches has no idle core."""
    compiler = Compiler()
    lone = LoneText(compiler, 1)
    assert [lone.take(_batch(0, 1)) for _ in range(3)] == [None] * 3
    assert not compiler.asked


def test_giants_keep_to_one_core() -> None:
    """A text that is longer than a batch goes where batches go, and is none of the texts that call for the graph."""
    lone = LoneText(Compiler(), 2)
    assert [lone.take(_batch(0, 1, tokens)) for tokens in (2000, 2000, 10, 10, 2000)] == [None, None, None, 1, None]


def test_without_memory_for_it() -> None:
    """It is tried once; texts go where batches go then."""
    compiler = Compiler(RuntimeError("bad allocation"))
    lone = LoneText(compiler, 2)
    assert [lone.take(_batch(0, 1)) for _ in range(4)] == [None] * 4
    assert compiler.asked == [(2, 1)]


def _batch(first: int, texts: int, tokens: int = 4) -> Batch:
    ones = np.ones((texts, tokens), dtype=np.int64)
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
