"""Whether the default model answers."""

from __future__ import annotations

import threading

import pytest

from tests.fakes.hash_encoder import HashEncoder
from tests.fakes.slow_encoder import SlowEncoder
from vectune.encode.encoder import Encoder
from vectune.errors import ModelError
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
    """Can't be loaded `failures` times; remembers how often it was tried, and tells when it was for the third time."""

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
    """What failed is tried again until the model answers; then there is no reason any more, and nothing is tried."""
    load = Passing(failures=2)
    readiness = Readiness(load, pause=0.001)
    readiness._try()
    assert (readiness.state, readiness.reason) == ("ready", None)
    assert load.tries == 3


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
