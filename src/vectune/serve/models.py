"""Models in memory: each loaded once, the one unused longest let go when there are too many."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
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

    `load` opens a model by name, `weigh` tells its bytes. Room for them is made before it is loaded, and waited for
    where others are loaded into it; a model larger than `most_bytes` is loaded when no other is in memory. `dropped`
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
        self._changed = threading.Condition(self._lock)
        """Room may have come free."""
        self._models: OrderedDict[str, Future[ServedModel]] = OrderedDict()
        self._bytes: dict[Future[ServedModel], int] = {}
        """What the models in memory take, and those that are loaded will."""
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

    def renew(self, name: str) -> None:
        """Load the model anew and put it in the place of the one in memory, if there is one: who works with that goes
        on with it, who asks from now on gets the new one. Raises what `load` raises; the old one stays then, where
        there was room for both.
        """
        with self._lock:
            old = self._models.get(name)
        if old is None or old.exception() is not None:
            return
        new: Future[ServedModel] = Future()
        try:
            gone = self._take_room(new, self._weigh(name))
            with self._lock:
                if old in gone and name not in self._models:
                    self._models[name] = new  # there was no room for both: who asks meanwhile waits for this one
            model = self._load(name)
        except BaseException as error:
            with self._lock:
                self._free(new)
                if self._models.get(name) is new:
                    del self._models[name]
            new.set_exception(error)
            raise
        new.set_result(model)
        self._put_in_place(name, new, old)

    def _put_in_place(self, name: str, new: Future[ServedModel], old: Future[ServedModel]) -> None:
        with self._lock:
            current = self._models.get(name)
            if current is old:
                self._models[name] = new
            if current is not new:
                self._free(old if current is old else new)
            self._changed.notify_all()  # it may be let go from now on
        if current is old:
            self._tell(old)

    def forget(self, name: str) -> None:
        """Let the model go; whoever works with it keeps it until done."""
        with self._lock:
            future = self._models.pop(name, None)
            if future is not None and future.done():  # else its memory is taken until it is loaded
                self._free(future)
        self._tell(future)

    def forget_gone(self) -> None:
        """Let go of the models whose folder is not there any more."""
        for name in self.names:
            if Path(name).is_absolute() and not Path(name).exists():
                self.forget(name)

    @property
    def bytes(self) -> int:
        """Weights in memory or on their way."""
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
            self._take_room(future, self._weigh(name))
            model = self._load(name)
            self._correct(future, name)
        except BaseException as error:
            with self._lock:
                self._free(future)
                if self._models.get(name) is future:
                    del self._models[name]  # the next caller tries again
            future.set_exception(error)
            return
        future.set_result(model)
        with self._lock:
            if self._models.get(name) is not future:
                self._free(future)  # it was let go meanwhile
            self._changed.notify_all()  # it may be let go from now on

    def _correct(self, future: Future[ServedModel], name: str) -> None:
        """What nobody could weigh before is weighed now that it is on this machine."""
        with self._lock:
            known = self._bytes[future]
        if not known:
            self._take_room(future, self._weigh(name), wait=False)

    def _take_room(self, future: Future[ServedModel], size: int, *, wait: bool = True) -> Sequence[Future[ServedModel]]:
        """Let others go, the one unused longest first, until `size` fits beside the rest, or nothing is left to go;
        who went."""
        gone: list[Future[ServedModel]] = []
        with self._lock:
            self._bytes.pop(future, None)
            while size and (held := sum(self._bytes.values())) and held + size > self._most_bytes:
                name = next((name for name, one in self._models.items() if self._bytes.get(one) and one.done()), None)
                if name is not None:
                    gone.append(self._models.pop(name))
                    self._free(gone[-1])
                elif wait:
                    self._changed.wait()
                else:
                    break
            self._bytes[future] = size
        for one in gone:
            self._tell(one)
        return gone

    def _free(self, future: Future[ServedModel]) -> None:
        self._bytes.pop(future, None)
        self._changed.notify_all()

    def _tell(self, future: Future[ServedModel] | None) -> None:
        if future is not None and future.done() and future.exception() is None:
            self._dropped(future.result().serial)
