"""Whether the default model answers, found out in the background so that the server is up at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from vectune.encode.encoder import Vectors
from vectune.errors import VectuneError

_LOG = logging.getLogger("vectune.serve")


class Answering(Protocol):
    """A model of any kind."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of `texts`."""


class Readiness:
    """Loads a model in a thread of its own and asks it for one vector."""

    def __init__(self, load: Callable[[], Answering]) -> None:
        self._load = load
        self.state: Literal["loading", "ready", "failed"] = "loading"
        self.reason: str | None = None

    def start(self) -> None:
        """Begin to load."""
        threading.Thread(target=self.prove, name="vectune-ready", daemon=True).start()

    def prove(self) -> None:
        """Load the model and encode a text; `state` says what came of it."""
        try:
            self._load().encode(["Is anybody there?"])
            self.state = "ready"
        except VectuneError as error:
            self.state, self.reason = "failed", f"{error.message} {error.hint}".strip()
            _LOG.error("the default model does not answer: %s", self.reason)
        except Exception:
            self.state, self.reason = "failed", "The model could not be loaded; the server's log says why."
            _LOG.exception("the default model does not answer")
