"""Work that no caller waits for."""

from __future__ import annotations

import logging
import threading

import pytest

from vectune.http.background import Background


def test_one_after_the_other_and_faults_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Work is done in order; what fails is logged and stops nothing."""
    background, done, order = Background(), threading.Event(), []

    def fail() -> None:
        order.append("fail")
        raise ValueError("out of order")

    def finish() -> None:
        order.append("finish")
        done.set()

    with caplog.at_level(logging.ERROR, "vectune.http"):
        background.submit(fail)
        background.submit(finish)
        assert done.wait(20)
    background.close()
    assert order == ["fail", "finish"]
    assert "out of order" in caplog.text
