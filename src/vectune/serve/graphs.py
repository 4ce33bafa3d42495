"""Graphs of models that are served without one: made beside the server, one by one, then put in their place."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from vectune.encode.backends.graph_cache import CachedRuntime
from vectune.errors import Interrupted, VectuneError

_LOG = logging.getLogger("vectune.serve")


class MakeGraph(Protocol):
    """Makes graphs, somewhere that takes no time from those who wait for vectors."""

    def __call__(self, name: str, runtime: CachedRuntime) -> None:
        """Leave the graph of the model called `name` in vectune's cache folder.

        Raises VectuneError where that can't be done, Interrupted after `close`.
        """

    def close(self) -> None:
        """End what is being made; nothing is made any more."""


class GraphMaker:
    """Owns a thread that has `make` make each graph that is wanted: what fails is logged, and not tried again, since
    the model is served without. One that was made is made anew when it is wanted once more: it was cleared away."""

    def __init__(self, make: MakeGraph) -> None:
        self._make = make
        self._asked: set[str] = set()
        self._lock = threading.Lock()
        self._waiting = SimpleQueue[tuple[str, CachedRuntime] | None]()
        self._ending = threading.Event()

    def want(self, name: str, runtime: CachedRuntime) -> None:
        """Have the graph of the model called `name` made when its turn comes; any thread may ask."""
        with self._lock:
            if name in self._asked:
                return
            self._asked.add(name)
        self._waiting.put((name, runtime))

    def start(self, made: Callable[[str], object]) -> None:
        """Begin to work; `made` hears of each model that has its graph."""
        threading.Thread(target=self._work, args=(made,), name="vectune-graphs", daemon=True).start()

    def close(self) -> None:
        """End what is being made where it stands; the rest is left."""
        self._ending.set()
        self._make.close()
        self._waiting.put(None)

    def _work(self, made: Callable[[str], object]) -> None:
        for name, runtime in iter(self._waiting.get, None):
            if self._ending.is_set():
                return
            try:
                self._make(name, runtime)
                made(name)
                with self._lock:
                    self._asked.discard(name)  # after it was loaded anew: a graph that isn't found is not made for ever
                _LOG.info("%s is served with its %s graph from now on", name, runtime)
            except Interrupted:
                return
            except VectuneError as error:
                _LOG.warning("%s stays with torch: %s %s", name, error.message, error.hint)
            except Exception:
                _LOG.exception("%s stays with torch", name)
