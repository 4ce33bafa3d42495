"""The model that a server is ready with, asked for vectors on the way that callers' texts go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from vectune.config.remote import is_remote
from vectune.encode.encoder import Vectors
from vectune.encode.resolve import resolve_model
from vectune.errors import Interrupted, ModelError
from vectune.records import Role
from vectune.serve.models import ModelCache
from vectune.serve.queue import EmbeddingQueue
from vectune.serve.reading import ServedModel, embed, read
from vectune.serve.remote_model import RemoteModel
from vectune.serve.text_cache import TextCache


@dataclass(frozen=True)
class Asked:
    """A model whose texts wait in `queue` with those of callers; an answer may take `seconds`."""

    model: ServedModel
    queue: EmbeddingQueue
    seconds: float

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of `texts`, for who has no event loop.

        Raises Overloaded when too much waits, ModelError when there is no answer in time, Interrupted when the queue
        is closed, and what the model raises.
        """
        if isinstance(self.model, RemoteModel):
            return self.model.encode(texts)  # its client has a limit of time itself
        return asyncio.run(self._queued(texts))

    async def _queued(self, texts: Sequence[str]) -> Vectors:
        none = TextCache(0)
        try:
            async with asyncio.timeout(self.seconds):
                reading = await read(self.model, texts, Role.DOCUMENT, self.queue, none)
                return (await embed(reading, self.queue, none)).vectors
        except TimeoutError:
            raise ModelError(
                f"The model gave no answer within {self.seconds:g} s.", "Start the server again if it stays so."
            ) from None
        except asyncio.CancelledError:
            raise Interrupted("The server ends.") from None


class DefaultModel:
    """The model called `name` of `cache`, for `Readiness`; `queue` and `seconds` as Asked has them."""

    def __init__(self, name: str, cache: ModelCache, queue: EmbeddingQueue, seconds: float) -> None:
        self._name = name
        self._cache = cache
        self._queue = queue
        self._seconds = seconds

    def load(self) -> Asked:
        """The model, loaded now if it is not in memory; raises what loading raises."""
        return Asked(self._cache.get(self._name), self._queue, self._seconds)

    def look(self) -> Asked | None:
        """The model if it is in memory. To look takes no other model's place, and keeps none from being let go.

        None where the model had to make room and can be loaded again; ModelError where it can't be found any more.
        """
        model = self._cache.seen(self._name)
        if model is not None:
            return Asked(model, self._queue, self._seconds)
        if is_remote(self._name):
            return self.load()  # it has no weights
        resolve_model(self._name)
        return None
