"""Graphs that are made while their models are served without."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from tests.fakes.hash_encoder import HashEncoder
from vectune.errors import Interrupted, ModelError
from vectune.records import Role
from vectune.serve.graphs import GraphMaker
from vectune.serve.models import ModelCache
from vectune.serve.queue import EmbeddingQueue
from vectune.serve.shared_encoder import SharedEncoder

PATIENCE = 20


class Made:
    """Makes nothing, slowly if it is told so, and remembers what it was asked for. `broken` fails."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.going_on = threading.Event()
        self.going_on.set()
        self.closed = threading.Event()

    def __call__(self, name: str, runtime: str) -> None:
        self.asked.append((name, runtime))
        if name == "broken":
            raise ModelError("It can't be traced.", "Leave it.")
        if name == "faulty":
            raise RuntimeError("a fault")
        assert self.going_on.wait(PATIENCE)
        if self.closed.is_set():
            raise Interrupted("The server ends.")

    def close(self) -> None:
        self.closed.set()
        self.going_on.set()


class Heard:
    """The names of the models that have their graph, up to `last`."""

    def __init__(self, last: str) -> None:
        self.names: list[str] = []
        self.all = threading.Event()
        self._last = last

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if name == self._last:
            self.all.set()


@contextmanager
def working(make: Made, heard: Heard) -> Iterator[GraphMaker]:
    maker = GraphMaker(make)
    maker.start(heard)
    yield maker
    maker.close()


def test_each_graph_is_made_once_and_told() -> None:
    """In the order in which they were wanted, also what was wanted before the start."""
    make, heard = Made(), Heard("b")
    maker = GraphMaker(make)
    for name in ("a", "a", "b"):
        maker.want(name, "openvino")
    maker.start(heard)
    assert heard.all.wait(PATIENCE)
    maker.close()
    assert heard.names == ["a", "b"]
    assert make.asked == [("a", "openvino"), ("b", "openvino")]


def test_a_graph_that_was_cleared_away_is_made_again() -> None:
    """Long unused, it is gone from the cache; the model that is loaded once more is not left with torch for good."""
    make, first, second = Made(), Heard("b"), Heard("c")

    def made(name: str) -> None:
        maker.want(name, "openvino")  # not found though it was just made
        first(name)
        second(name)

    maker = GraphMaker(make)
    maker.start(made)
    maker.want("a", "openvino")
    maker.want("b", "openvino")
    assert first.all.wait(PATIENCE)
    maker.want("a", "openvino")
    maker.want("c", "openvino")
    assert second.all.wait(PATIENCE)
    maker.close()
    assert [name for name, _ in make.asked] == ["a", "b", "a", "c"]


@pytest.mark.parametrize(("name", "said"), [("broken", "It can't be traced. Leave it."), ("faulty", "faulty stays")])
def test_failure_is_said_once_and_the_next_is_made(caplog: pytest.LogCaptureFixture, name: str, said: str) -> None:
    """The model stays with torch: it is not tried again, however often it is loaded."""
    make, heard = Made(), Heard("last")
    with caplog.at_level(logging.WARNING, "vectune.serve"), working(make, heard) as maker:
        for wanted in (name, name, "last"):
            maker.want(wanted, "openvino")
        assert heard.all.wait(PATIENCE)
    assert heard.names == ["last"]
    assert [wanted for wanted, _ in make.asked] == [name, "last"]
    assert len(caplog.records) == 1
    assert said in caplog.text


def test_the_end_waits_for_nothing() -> None:
    """What is being made ends where it stands, and what waits is not begun."""
    make, heard = Made(), Heard("a")
    make.going_on.clear()
    with working(make, heard) as maker:
        maker.want("a", "onnx")
        maker.want("b", "onnx")
        maker.close()
    assert heard.names == []
    assert ("b", "onnx") not in make.asked


async def test_no_request_is_lost_or_mixed_while_a_model_is_replaced() -> None:
    """Callers ask all the while: each gets the vectors of all its texts by one of both encoders, the last by the
    new one, and the queue is empty in the end."""
    seeds = iter(range(2))
    cache = ModelCache(lambda name: SharedEncoder(HashEncoder(seed=next(seeds))), 20, lambda name: 10)
    queue = EmbeddingQueue(batch_tokens=64, most_tokens=100_000)
    queue.start()
    cache.get("a")
    texts = [f"word{number} other{number}" for number in range(40)]
    expected = [HashEncoder(seed=seed).encode(texts) for seed in range(2)]

    async def ask() -> int:
        model = cache.held("a")
        assert isinstance(model, SharedEncoder)
        vectors = await queue.embed(model, texts, Role.QUERY)
        return next(seed for seed in range(2) if np.allclose(vectors, expected[seed], atol=1e-6))

    before = [asyncio.create_task(ask()) for _ in range(10)]
    await asyncio.sleep(0)
    renewed = asyncio.create_task(asyncio.to_thread(cache.renew, "a"))
    meanwhile = [await ask() for _ in range(5)]
    await renewed
    assert await asyncio.gather(*before) == [0] * 10
    assert meanwhile == sorted(meanwhile)
    assert await ask() == 1
    assert queue.waiting_tokens == 0
    await asyncio.to_thread(queue.close)
