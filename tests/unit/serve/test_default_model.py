"""The model that a server is ready with, asked as callers ask."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.hash_encoder import HashEncoder
from tests.fakes.slow_encoder import SlowEncoder
from vectune.encode.endpoint_client import EndpointAnswer
from vectune.errors import Interrupted, ModelError
from vectune.records import Role
from vectune.serve.default_model import Asked, DefaultModel
from vectune.serve.models import ModelCache
from vectune.serve.queue import EmbeddingQueue, Overloaded
from vectune.serve.remote_model import Calls, RemoteModel
from vectune.serve.shared_encoder import SharedEncoder

TEXTS = ["red cat"]


def shared(encoder: HashEncoder) -> SharedEncoder:
    """A model over `encoder`."""
    return SharedEncoder(encoder, encoder.count_tokens)


@pytest.fixture
def queue() -> Iterator[EmbeddingQueue]:
    """A queue at work that holds few texts."""
    made = EmbeddingQueue(batch_tokens=300, most_tokens=20)
    made.start()
    yield made
    made.close()


def test_asked_through_the_queue(queue: EmbeddingQueue) -> None:
    """The text goes through the threads that embed, as callers' texts do."""
    slow = SlowEncoder()
    slow.gate.set()
    vectors = Asked(shared(slow), queue, 20).encode(TEXTS)
    np.testing.assert_allclose(vectors, HashEncoder().encode(TEXTS), atol=1e-6)
    assert slow.batches == [(tuple(TEXTS), Role.DOCUMENT)]


def test_full_queue_and_late_answer(queue: EmbeddingQueue) -> None:
    """Where too much waits it is said so; where the model stands still, that there was no answer in time."""
    slow = SlowEncoder()
    model = shared(slow)
    first = _asking(Asked(model, queue, 20), "first")
    assert slow.started.wait(20)
    with pytest.raises(ModelError, match=r"no answer within 0\.05 s"):
        Asked(model, queue, 0.05).encode(TEXTS)
    second = _asking(Asked(model, queue, 20), "word " * 10)
    while queue.waiting_tokens == 0:
        assert second.is_alive()
    with pytest.raises(Overloaded):
        Asked(model, queue, 20).encode(["word " * 20])
    slow.gate.set()
    for caller in (first, second):
        caller.join(20)
    assert [texts for texts, _ in slow.batches] == [("first",), ("word " * 10,)]


def test_closed_queue_is_the_end_of_the_server() -> None:
    """Who waits for an answer while the server ends hears of that, and not of a model that fails."""
    queue = EmbeddingQueue(batch_tokens=300, most_tokens=1000)
    heard: list[BaseException] = []

    def ask() -> None:
        try:
            Asked(shared(HashEncoder()), queue, 20).encode(TEXTS)
        except Interrupted as error:
            heard.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    while queue.waiting_tokens == 0:
        assert asking.is_alive()
    queue.close()
    asking.join(20)
    assert len(heard) == 1


def test_looked_at_without_use(queue: EmbeddingQueue, tiny_model_folder: Path, tmp_path: Path) -> None:
    """To be looked at keeps no model from making room for another, nor is it loaded for that; one whose folder is gone
    has failed."""
    place = str(shutil.copytree(tiny_model_folder, tmp_path / "model"))
    loaded: list[str] = []

    def load(name: str) -> SharedEncoder:
        loaded.append(name)
        return shared(HashEncoder(name=name))

    cache = ModelCache(load, 20, lambda name: 10)
    model = DefaultModel(place, cache, queue, 20)
    assert model.load().encode(TEXTS).shape == (1, 32)
    cache.get("second")
    looked_at = model.look()
    assert looked_at is not None
    assert looked_at.encode(TEXTS).shape == (1, 32)
    cache.get("third")
    assert model.look() is None
    assert loaded == [place, "second", "third"]
    assert cache.names == ("second", "third")
    shutil.rmtree(place)
    with pytest.raises(ModelError, match="no model at"):
        model.look()


def test_model_behind_an_endpoint_is_asked_there(queue: EmbeddingQueue) -> None:
    """Its endpoint is asked each time, in memory or not: what is there may go away."""
    asked: list[Sequence[str]] = []

    class Endpoint:
        def ask(self, texts: Sequence[str]) -> EndpointAnswer:
            asked.append(texts)
            return EndpointAnswer(HashEncoder().encode(texts), 5)

    cache = ModelCache(lambda name: RemoteModel(Endpoint(), Calls(1), name), 10, lambda name: 0)
    model = DefaultModel("openai:small", cache, queue, 20)
    for _ in range(2):
        looked_at = model.look()
        assert looked_at is not None
        looked_at.encode(TEXTS)
        cache.forget("openai:small")
    assert asked == [TEXTS, TEXTS]


def _asking(model: Asked, text: str) -> threading.Thread:
    """A caller who waits for the vector of `text`."""
    thread = threading.Thread(target=model.encode, args=([text],))
    thread.start()
    return thread
