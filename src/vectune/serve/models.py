"""Models in memory: each loaded once, the one unused longest let go when there are too many."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from vectune.serve.queue import Overloaded
from vectune.serve.reading import ServedModel

_LOADERS = 4
"""Models that are loaded at the same time; others wait their turn."""
_LEAST_TOKENS = 256
"""What a request counts for at least while its model is loaded: it holds a connection, however short its text is."""
_COME_BACK_SECONDS = 2.0


class ModelCache:
    """Owns the loaded models. Any thread may ask; loading one model holds up only those who ask for it.

    `load` opens a model by name, `weigh` tells its bytes. At least one model is kept, however large it is. `dropped`
    hears the serial of each model that is let go. While a model is loaded about `most_waiting` tokens may wait for it.
    """

    def __init__(
        self, load: Callable[[str], ServedModel], most_bytes: int, weigh: Callable[[str], int],
        dropped: Callable[[int], None] = lambda serial: None, most_waiting: int = 1_000_000,
    ) -> None:  # fmt: skip
        self._load = load
        self._weigh = weigh
        self._most_bytes = most_bytes
        self._dropped = dropped
        self._most_waiting = most_waiting
        self._waiting: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._models: OrderedDict[str, Future[ServedModel]] = OrderedDict()
        self._bytes: dict[str, int] = {}
        self._loaders = ThreadPoolExecutor(_LOADERS, thread_name_prefix="vectune-load")

    def get(self, name: str) -> ServedModel:
        """The model, loaded now if it is not in memory. What `load` raises is raised to all who wait for it."""
        future, mine = self._wanted(name)
        if mine:
            self._fill(name, future)
        return future.result()

    async def wait_for(self, name: str, tokens: int = 1) -> ServedModel:
        """The same without holding up the event loop or a thread that others need; the caller may leave at any time.

        Overloaded when others wait for the model and the caller's `tokens` are more than may wait beside theirs.
        """
        tokens = max(tokens, _LEAST_TOKENS)
        self._queue_up(name, tokens)
        try:
            future, mine = self._wanted(name)
            if mine:
                self._loaders.submit(self._fill, name, future)
            return await asyncio.shield(asyncio.wrap_future(future))
        finally:
            self._go_on(name, tokens)

    def held(self, name: str) -> ServedModel | None:
        """The model if it is in memory and ready, without waiting."""
        with self._lock:
            model = self._ready(name)
            if model is not None:
                self._models.move_to_end(name)
        return model

    def seen(self, name: str) -> ServedModel | None:
        """The same for who looks whether it is well: that is no use of it."""
        with self._lock:
            return self._ready(name)

    def forget(self, name: str) -> None:
        """Let the model go; whoever works with it keeps it until done."""
        with self._lock:
            future = self._models.pop(name, None)
            self._bytes.pop(name, None)
        self._tell(future)

    def forget_gone(self) -> None:
        """Let go of the models whose folder is not there any more."""
        for name in self.names:
            if Path(name).is_absolute() and not Path(name).exists():
                self.forget(name)

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

    def _ready(self, name: str) -> ServedModel | None:
        future = self._models.get(name)
        if future is None or not future.done() or future.exception() is not None:
            return None
        return future.result()

    def _queue_up(self, name: str, tokens: int) -> None:
        with self._lock:
            waiting = self._waiting[name]
            if waiting and waiting + tokens > self._most_waiting:
                left = max(self._most_waiting - waiting, 0)
                told = "The model is still being loaded, and as much waits for it as the server takes."
                raise Overloaded(_COME_BACK_SECONDS, self._most_waiting, left, told)
            self._waiting[name] += tokens

    def _go_on(self, name: str, tokens: int) -> None:
        with self._lock:
            self._waiting[name] -= tokens
            if not self._waiting[name]:
                del self._waiting[name]

    def _wanted(self, name: str) -> tuple[Future[ServedModel], bool]:
        """What will hold the model, and whether it is the caller's to fill."""
        with self._lock:
            future = self._models.get(name)
            mine = future is None
            if future is None:
                future = self._models[name] = Future()
            self._models.move_to_end(name)
        return future, mine

    def _fill(self, name: str, future: Future[ServedModel]) -> None:
        try:
            model = self._load(name)
            size = self._weigh(name)
        except BaseException as error:
            with self._lock:
                if self._models.get(name) is future:
                    del self._models[name]  # the next caller tries again
            future.set_exception(error)
            return
        gone: list[Future[ServedModel]] = []
        with self._lock:
            if self._models.get(name) is future:
                self._bytes[name] = size
                gone = self._make_room(name)
        future.set_result(model)
        for one in gone:
            self._tell(one)

    def _make_room(self, newest: str) -> list[Future[ServedModel]]:
        """Take out what is unused longest until the rest fits."""
        gone = []
        for name in [name for name in self._models if name != newest and name in self._bytes]:
            if sum(self._bytes.values()) <= self._most_bytes:
                break
            gone.append(self._models.pop(name))
            del self._bytes[name]
        return gone

    def _tell(self, future: Future[ServedModel] | None) -> None:
        if future is not None and future.done() and future.exception() is None:
            self._dropped(future.result().serial)
