"""Work that no caller waits for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from vectune.errors import Interrupted
from vectune.monitor.progress import Progress, Silent, Stoppable

_LOG = logging.getLogger("vectune.http")


class Background:
    """Owns one thread that does what it is given, one after the other; what fails is logged.

    Work that tells the progress that it is called with how far it is ends there when the server does.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="vectune-background")
        self._ending = threading.Event()

    def submit(self, action: Callable[[Progress], object]) -> None:
        """Do it when its turn comes."""
        self._pool.submit(self._run, action)

    def close(self) -> None:
        """End what is being done where it stands; the rest is left."""
        self._ending.set()
        self._pool.shutdown(cancel_futures=True)

    def _run(self, action: Callable[[Progress], object]) -> None:
        try:
            action(Stoppable(Silent(), self._ending.is_set))
        except Interrupted:
            _LOG.info("work in the background was left undone; the next start goes on with it")
        except Exception:
            _LOG.exception("work in the background failed")
