"""Work that no caller waits for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_LOG = logging.getLogger("vectune.http")


class Background:
    """Owns one thread that does what it is given, one after the other; what fails is logged."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="vectune-background")

    def submit(self, action: Callable[[], object]) -> None:
        """Do it when its turn comes."""
        self._pool.submit(_logged, action)

    def close(self) -> None:
        """End after what is being done; the rest is left."""
        self._pool.shutdown(cancel_futures=True)


def _logged(action: Callable[[], object]) -> None:
    try:
        action()
    except Exception:
        _LOG.exception("work in the background failed")
