"""Work that no caller waits for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from vectune.errors import Interrupted
from vectune.monitor.progress import Progress, Silent, Stoppable

_LOG = logging.getLogger("vectune.http")


Action = Callable[[Progress], object]


class Background:
    """Owns one thread that does what it is given, one after the other.

    What fails is logged, and done again after each of `pauses`, in seconds: a store or a database that was away may be
    back. Work that tells the progress that it is called with how far it is ends there when the server does.
    """

    def __init__(self, pauses: Sequence[float] = (10, 60, 300, 1800)) -> None:
        self._pauses = tuple(pauses)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="vectune-background")
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._timers: set[threading.Timer] = set()

    def submit(self, action: Action) -> None:
        """Do it when its turn comes."""
        self._pool.submit(self._run, action, self._pauses)

    def close(self) -> None:
        """End what is being done where it stands; the rest is left."""
        with self._lock:
            self._ending.set()
            for timer in self._timers:
                timer.cancel()
        self._pool.shutdown(cancel_futures=True)

    def _run(self, action: Action, pauses: tuple[float, ...]) -> None:
        try:
            action(Stoppable(Silent(), self._ending.is_set))
        except Interrupted:
            _LOG.info("work in the background was left undone; the next start goes on with it")
        except Exception:
            _LOG.exception("work in the background failed")
            if pauses:
                self._later(action, pauses[0], pauses[1:])

    def _later(self, action: Action, pause: float, pauses: tuple[float, ...]) -> None:
        def again() -> None:
            with self._lock:
                self._timers.discard(timer)
                if not self._ending.is_set():
                    self._pool.submit(self._run, action, pauses)

        timer = threading.Timer(pause, again)
        timer.daemon = True
        with self._lock:
            if not self._ending.is_set():
                self._timers.add(timer)
                timer.start()
