"""Whether the default model answers, found out in the background so that the server is up at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from vectune.encode.encoder import Vectors
from vectune.errors import VectuneError

_LOG = logging.getLogger("vectune.serve")
_LONGEST_PAUSE = 60.0


class Answering(Protocol):
    """A model of any kind."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of `texts`."""


class Readiness:
    """Loads a model in a thread of its own and asks it for one vector. What fails may pass (a full memory, an endpoint
    that is away): it is tried again after `pause` seconds, and ever later, up to a minute."""

    def __init__(self, load: Callable[[], Answering], pause: float = 1.0) -> None:
        self._load = load
        self._pause = pause
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._try, name="vectune-ready", daemon=True)
        self.state: Literal["loading", "ready", "failed"] = "loading"
        self.reason: str | None = None

    def start(self) -> None:
        """Begin to load."""
        self._thread.start()

    def stop(self) -> None:
        """Try no more; a model that is being loaded is not waited for."""
        self._ending.set()

    def prove(self) -> None:
        """Load the model and encode a text; `state` says what came of it."""
        try:
            self._load().encode(["Is anybody there?"])
            self.state, self.reason = "ready", None
        except VectuneError as error:
            self.state, self.reason = "failed", f"{error.message} {error.hint}".strip()
            _LOG.error("the default model does not answer: %s", self.reason)
        except Exception:
            self.state, self.reason = "failed", "The model could not be loaded; the server's log says why."
            _LOG.exception("the default model does not answer")

    def _try(self) -> None:
        pause = self._pause
        self.prove()
        while self.state != "ready" and not self._ending.wait(pause):
            pause = min(2 * pause, _LONGEST_PAUSE)
            self.prove()
