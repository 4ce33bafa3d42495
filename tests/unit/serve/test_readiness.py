"""Whether the default model answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.hash_encoder import HashEncoder
from tests.fakes.slow_encoder import SlowEncoder
from vectune.encode.encoder import Encoder, Vectors
from vectune.errors import Interrupted, ModelError
from vectune.serve.queue import Overloaded
from vectune.serve.readiness import Readiness


def test_ready_when_the_model_answers() -> None:
    """Loaded is not enough: a text is encoded first."""
    encoder = SlowEncoder()
    readiness = Readiness(lambda: encoder)
    assert readiness.state == "loading"
    encoder.gate.set()
    readiness.prove()
    assert (readiness.state, readiness.reason) == ("ready", None)
    assert len(encoder.batches) == 1


def test_starts_in_the_background() -> None:
    """Nobody waits for the model when the server starts."""
    encoder = SlowEncoder()
    readiness = Readiness(lambda: encoder)
    readiness.start()
    assert encoder.started.wait(20)
    assert readiness.state == "loading"
    encoder.gate.set()


@pytest.mark.parametrize(
    ("error", "told"),
    [(ModelError("No such model.", "Name another."), "No such model. Name another."), (OSError("disk /x"), "log")],
)
def test_failure_is_told_in_a_sentence(error: Exception, told: str) -> None:
    """Our own errors are told as they are; others stay in the log."""

    def load() -> Encoder:
        raise error
        return HashEncoder()

    readiness = Readiness(load)
    readiness.prove()
    assert readiness.state == "failed"
    assert told in (readiness.reason or "")
    assert "/x" not in (readiness.reason or "")


class Passing:
    """Can't be loaded `failures` times; remembers how often it was tried, and tells when it was more than twice."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.tries = 0
        self.tried = threading.Event()

    def __call__(self) -> Encoder:
        self.tries += 1
        if self.tries > 2:
            self.tried.set()
        if self.tries <= self.failures:
            raise ModelError("It is away.")
        return HashEncoder()


def test_failure_that_passes() -> None:
    """What failed is tried again until the model answers; then there is no reason any more."""
    load = Passing(failures=2)
    readiness = Readiness(load, pause=0.001)
    readiness.start()
    _until(lambda: readiness.state == "ready")
    assert readiness.reason is None
    assert load.tries == 3
    readiness.stop()


class Model(HashEncoder):
    """Answers, or raises `fault`."""

    fault: Exception | None = None

    def encode(self, *given: Any, **named: Any) -> Vectors:
        if self.fault is not None:
            raise self.fault
        return super().encode(*given, **named)


def test_model_that_goes_away_and_comes_back() -> None:
    """A model that answered is asked ever again: the state says what it is, not what it was."""
    model = Model()
    readiness = Readiness(lambda: model, pause=0.001, interval=0.001)
    readiness.start()
    for fault, state in ((None, "ready"), (ModelError("Its folder is gone."), "failed"), (None, "ready")):
        model.fault = fault
        _until(lambda state=state: readiness.state == state)  # type: ignore[misc]
    readiness.stop()
    readiness._thread.join(20)
    assert readiness.reason is None


def test_model_that_answers_is_not_asked_all_the_time() -> None:
    """Between two looks there are `interval` seconds, however soon a failure is tried again."""
    load = Passing(failures=0)
    readiness = Readiness(load, pause=0.001, interval=60)
    readiness.start()
    _until(lambda: readiness.state == "ready")
    time.sleep(0.1)
    readiness.stop()
    readiness._thread.join(20)
    assert load.tries == 1


def test_too_busy_to_answer_is_ready() -> None:
    """A queue that is full, or an endpoint that wants to be asked later, has not failed; before the first answer it has
    shown nothing yet."""
    model = Model()
    readiness = Readiness(lambda: model)
    for state in ("failed", "ready"):
        model.fault = Overloaded(1.0)
        readiness.prove()
        assert readiness.state == state
        model.fault = None
        readiness.prove()
        assert readiness.state == "ready"


def test_model_that_answered_is_looked_at_and_not_loaded() -> None:
    """`look` may say that there is nothing to ask; what it raises is a failure, and then the model is loaded anew."""
    load = Passing(failures=0)
    gone = [False]

    def look() -> None:
        if gone[0]:
            raise ModelError("There is no model at that place.")

    readiness = Readiness(load, look)
    for _ in range(3):
        readiness.prove()
    assert (readiness.state, load.tries) == ("ready", 1)
    gone[0] = True
    readiness.prove()
    assert (readiness.state, readiness.reason, load.tries) == ("failed", "There is no model at that place.", 1)
    readiness.prove()
    assert (readiness.state, load.tries) == ("ready", 2)


def test_end_of_the_server_is_no_failure() -> None:
    """A text that is given up because the server ends says nothing of the model."""
    model = Model()
    readiness = Readiness(lambda: model)
    readiness.prove()
    model.fault = Interrupted("The server ends.")
    readiness.prove()
    assert readiness.state == "ready"


def test_stopped_readiness_tries_no_more() -> None:
    """A server that ends leaves no thread that loads models."""
    load = Passing(failures=1_000_000)
    readiness = Readiness(load, pause=0.001)
    readiness.start()
    assert load.tried.wait(20)
    assert readiness.state == "failed"
    readiness.stop()
    readiness._thread.join(20)
    assert not readiness._thread.is_alive()


def _until(ask: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not ask():
        assert time.monotonic() < end
        time.sleep(0.001)
