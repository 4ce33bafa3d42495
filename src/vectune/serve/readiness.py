"""Whether the default model answers, found out in the background: the server is up at once, and is asked ever again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from vectune.encode.encoder import Vectors
from vectune.errors import Interrupted, VectuneError
from vectune.serve.queue import Overloaded

_LOG = logging.getLogger("vectune.serve")
_LONGEST_PAUSE = 60.0


class Answering(Protocol):
    """A model of any kind."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of `texts`."""


class Readiness:
    """Loads a model in a thread of its own and asks it for one vector. What fails may pass (a full memory, an endpoint
    that is away): it is tried again after `pause` seconds, and ever later, up to a minute.

    A model that answered is asked again every `interval` seconds. Then `look` gives it, by default `load`; None where
    there is nothing to ask, and nothing wrong. One that is too busy to answer is as ready as it was.
    """

    def __init__(
        self, load: Callable[[], Answering], look: Callable[[], Answering | None] | None = None, *,
        pause: float = 1.0, interval: float = 30.0,
    ) -> None:  # fmt: skip
        self._load = load
        self._look = look or load
        self._pause = pause
        self._interval = interval
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="vectune-ready", daemon=True)
        self.state: Literal["loading", "ready", "failed"] = "loading"
        self.reason: str | None = None

    def start(self) -> None:
        """Begin to load."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more; a model that is being loaded is not waited for."""
        self._ending.set()

    def prove(self) -> None:
        """Encode a text, with the model loaded first unless it answered before; `state` says what came of it."""
        was_ready = self.state == "ready"
        try:
            model = self._look() if was_ready else self._load()
            if model is not None:
                model.encode(["Is anybody there?"])
            self.state, self.reason = "ready", None
        except Interrupted:
            return  # the server ends
        except VectuneError as error:
            if was_ready and isinstance(error, Overloaded):
                return
            self.state, self.reason = "failed", f"{error.told} {error.hint}".strip()
            _LOG.error("the default model does not answer: %s %s", error.message, error.hint)
        except Exception:
            self.state, self.reason = "failed", "The model does not answer; the server's log says why."
            _LOG.exception("the default model does not answer")

    def _watch(self) -> None:
        pause = self._pause
        while True:
            self.prove()
            if self.state == "ready":
                wait, pause = self._interval, self._pause
            else:
                wait, pause = pause, min(2 * pause, _LONGEST_PAUSE)
            if self._ending.wait(wait):
                return
