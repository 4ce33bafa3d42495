"""Models in memory: each loaded once, the one unused longest let go when there are too many."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

from vectune.serve.shared_encoder import SharedEncoder


class ModelCache:
    """Owns the loaded models. Any thread may ask; loading one model holds up only those who ask for it.

    `load` opens a model by name, `weigh` tells its bytes. At least one model is kept, however large it is.
    """

    def __init__(self, load: Callable[[str], SharedEncoder], most_bytes: int, weigh: Callable[[str], int]) -> None:
        self._load = load
        self._weigh = weigh
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._models: OrderedDict[str, Future[SharedEncoder]] = OrderedDict()
        self._bytes: dict[str, int] = {}

    def get(self, name: str) -> SharedEncoder:
        """The model, loaded now if it is not in memory. What `load` raises is raised to all who wait for it."""
        with self._lock:
            future = self._models.get(name)
            mine = future is None
            if future is None:
                future = self._models[name] = Future()
            self._models.move_to_end(name)
        return self._loaded(name, future) if mine else future.result()

    def held(self, name: str) -> SharedEncoder | None:
        """The model if it is in memory and ready, without waiting."""
        with self._lock:
            future = self._models.get(name)
            if future is None or not future.done() or future.exception() is not None:
                return None
            self._models.move_to_end(name)
        return future.result()

    def forget(self, name: str) -> None:
        """Let the model go; whoever works with it keeps it until done."""
        with self._lock:
            self._models.pop(name, None)
            self._bytes.pop(name, None)

    @property
    def bytes(self) -> int:
        """Weights in memory."""
        with self._lock:
            return sum(self._bytes.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The models in memory or on their way, the one unused longest first."""
        with self._lock:
            return tuple(self._models)

    def _loaded(self, name: str, future: Future[SharedEncoder]) -> SharedEncoder:
        try:
            encoder = self._load(name)
            size = self._weigh(name)
        except BaseException as error:
            self.forget(name)  # the next caller tries again
            future.set_exception(error)
            raise
        with self._lock:
            if self._models.get(name) is future:
                self._bytes[name] = size
                self._make_room(name)
        future.set_result(encoder)
        return encoder

    def _make_room(self, newest: str) -> None:
        for name in [name for name in self._models if name != newest and name in self._bytes]:
            if sum(self._bytes.values()) <= self._most_bytes:
                return
            del self._models[name], self._bytes[name]
