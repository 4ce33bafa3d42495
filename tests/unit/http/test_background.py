"""Work that no caller waits for."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial

import pytest

from tests.unit.http.conftest import ROWS
from vectune.http.background import Background
from vectune.http.files import read_through
from vectune.http.services import Services
from vectune.monitor.progress import Progress


def test_one_after_the_other_and_faults_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Work is done in order; what fails is logged and stops nothing."""
    background, done, order = Background(pauses=()), threading.Event(), []

    def fail(progress: Progress) -> None:
        order.append("fail")
        raise ValueError("out of order")

    def finish(progress: Progress) -> None:
        order.append("finish")
        done.set()

    with caplog.at_level(logging.ERROR, "vectune.http"):
        background.submit(fail)
        background.submit(finish)
        assert done.wait(20)
    background.close()
    assert order == ["fail", "finish"]
    assert "out of order" in caplog.text


def test_end_of_the_server_waits_for_no_file(services: Services, caplog: pytest.LogCaptureFixture) -> None:
    """What is being read ends where it stands, without being called a failure; what had not begun is left as it was,
    and both are found unread by the next server."""
    stores = services.files
    names = [stores.create("default", "a.jsonl", "fine-tune", iter([ROWS])).id for _ in range(2)]
    background, begun, ending = Background(), threading.Event(), threading.Event()

    def read_slowly(progress: Progress) -> None:
        begun.set()
        assert ending.wait(20)
        read_through(stores, names[0], progress)

    background.submit(read_slowly)
    background.submit(partial(read_through, stores, names[1]))
    assert begun.wait(20)
    closing = threading.Thread(target=background.close)
    closing.start()
    assert background._ending.wait(20)
    ending.set()
    closing.join(20)
    assert not closing.is_alive()
    assert stores.unread() == tuple(names)
    assert "failed" not in caplog.text


def test_what_failed_is_done_again_after_a_while() -> None:
    """A store that was away may be back; other work goes on meanwhile, and at some time it is enough."""
    background, done, tries = Background(pauses=(0.05, 0.05)), threading.Event(), []

    def away(progress: Progress) -> None:
        tries.append("away")
        if len(tries) == 3:
            done.set()
        raise OSError("the store is away")

    background.submit(away)
    assert done.wait(20)
    time.sleep(0.3)
    background.close()
    assert len(tries) == 3
    assert not background._timers


def test_end_of_the_server_forgets_what_was_to_be_done_again() -> None:
    """Nothing is begun any more, and nobody waits for it."""
    background, tries = Background(pauses=(0.2,)), []

    def away(progress: Progress) -> None:
        tries.append("away")
        raise OSError("the store is away")

    background.submit(away)
    until = time.monotonic() + 20
    while not background._timers and time.monotonic() < until:
        time.sleep(0.01)
    background.close()
    time.sleep(0.4)
    assert tries == ["away"]
