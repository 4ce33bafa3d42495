"""Clearing up by itself, every so many hours, beside the server."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_LOG = logging.getLogger(__name__)
_FIRST_SECONDS = 600.0
"""When the first time comes at the latest: a server that is started anew each day clears up too."""


class Housekeeping:
    """Owns one thread that calls `clear` every `seconds`, the first time soon after the start; what fails is logged and
    tried again the next time. With 0 seconds it never does."""

    def __init__(self, clear: Callable[[], object], seconds: float) -> None:
        self._clear = clear
        self._seconds = seconds
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vectune-housekeeping", daemon=True)

    def start(self) -> None:
        """Begin to wait."""
        if self._seconds:
            self._thread.start()

    def stop(self) -> None:
        """End, after what is being cleared."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        wait = min(self._seconds, _FIRST_SECONDS)
        while not self._ending.wait(wait):
            wait = self._seconds
            try:
                self._clear()
            except Exception:
                _LOG.exception("clearing up failed; it is tried again in %.1f hours", self._seconds / 3600)
