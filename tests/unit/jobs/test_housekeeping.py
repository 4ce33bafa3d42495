"""Clearing up by itself."""

from __future__ import annotations

import threading

import pytest

from vectune.jobs.housekeeping import Housekeeping


def test_again_and_again_also_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    """It is called every so many seconds; a failure is logged, and the next time comes."""
    times: list[int] = []
    enough = threading.Event()

    def clear() -> None:
        times.append(1)
        if len(times) == 3:
            enough.set()
        raise OSError(5, "gone")

    housekeeping = Housekeeping(clear, 0.01)
    housekeeping.start()
    assert enough.wait(20)
    housekeeping.stop()
    count = len(times)
    assert "clearing up failed" in caplog.text
    assert not housekeeping._thread.is_alive()
    assert len(times) == count


def test_never_with_zero() -> None:
    """With 0 nothing starts, and stopping is fine."""
    housekeeping = Housekeeping(lambda: None, 0)
    housekeeping.start()
    assert not housekeeping._thread.is_alive()
    housekeeping.stop()
