"""A model behind an endpoint, asked for each caller's texts in one request; a query adapter of ours may follow it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from vectune.encode.adapted import QueryAdapter
from vectune.encode.encoder import Vectors
from vectune.encode.endpoint_client import (
    EndpointAnswer,
    EndpointRefused,
    EndpointSilent,
    KeyRefused,
)
from vectune.encode.tokenised import Tokenised
from vectune.errors import ModelError, UsageError, VectuneError
from vectune.records import Role
from vectune.serve.queue import Overloaded
from vectune.serve.shared_encoder import next_serial

_CHARS_A_TOKEN = 4
_WAITING_A_CALL = 16
"""Requests that may wait for each one that may be under way."""
_COME_BACK_SECONDS = 1.0
_CALLERS_FAULT = frozenset({400, 413, 422})
"""Statuses by which an endpoint says that a text can't be used."""

Taken = Callable[[int | None], None]
"""Hears that an endpoint has taken texts, with its own count of their tokens where it gave one."""


class UpstreamRefused(UsageError):  # noqa: N818 - what happened
    """The endpoint can't use the texts, and says why."""

    code = "invalid_value"


class UpstreamFailed(VectuneError):  # noqa: N818 - what happened
    """The endpoint answered with an error of its own or with nonsense."""

    code = "upstream_error"


class UpstreamSilent(VectuneError):  # noqa: N818 - what happened
    """The endpoint can't be reached or has no time."""

    code = "upstream_unavailable"


class UpstreamBusy(Overloaded):
    """The endpoint wants to be asked later, or too many requests wait for it; then `limit` is how many may."""

    code = "rate_limit_exceeded"

    def __init__(self, retry_after: float, limit: int = 0) -> None:
        super().__init__(retry_after, limit, message="The remote model behind this name takes no more requests now.")


class Client(Protocol):
    """One model of an endpoint; see EndpointClient."""

    def ask(self, texts: Sequence[str]) -> EndpointAnswer:
        """The vectors of `texts`."""


class Calls:
    """Owns the threads that ask endpoints: `parallel` requests at a time, some more wait, others are refused."""

    def __init__(self, parallel: int) -> None:
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix="vectune-upstream")
        self._most = parallel * (1 + _WAITING_A_CALL)
        self._count = 0

    async def ask(self, client: Client, texts: Sequence[str], taken: Taken) -> EndpointAnswer:
        """What the endpoint answers. UpstreamBusy when too many wait; a caller that leaves takes its request along,
        unless that is under way: it goes on, and is paid for."""
        if self._count >= self._most:
            raise UpstreamBusy(_COME_BACK_SECONDS, self._most)
        self._count += 1
        call = self._pool.submit(client.ask, texts)
        try:
            answer = await asyncio.wrap_future(call)
        except asyncio.CancelledError:
            if not call.cancel():
                taken(None)
            raise
        finally:
            self._count -= 1
        taken(answer.tokens)
        return answer


class RemoteModel:
    """`client`'s model, with the query `adapter` of a job on top of it or without. `prompts` go before the texts.

    What goes wrong at the endpoint is told without its address or key.
    """

    reads_beside = True
    max_tokens: int | None = None

    def __init__(
        self, client: Client, calls: Calls, name: str, adapter: QueryAdapter | None = None,
        prompts: tuple[str, str] = ("", ""),
    ) -> None:  # fmt: skip
        self._client = client
        self._calls = calls
        self._adapter = adapter
        self._prompts = dict(zip((Role.QUERY, Role.DOCUMENT), prompts, strict=True))
        self.name = name
        self.serial = next_serial()
        self.dim: int | None = None if adapter is None else adapter.dim
        """Length of the vectors; None until the endpoint has given some."""

    def read(self, texts: Sequence[str], role: Role) -> Tokenised:
        """A guess of each text's tokens: the endpoint's tokenizer is not here."""
        return Tokenised(np.array([len(text) // _CHARS_A_TOKEN + 1 for text in texts], dtype=np.int64))

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT) -> Vectors:
        """The vectors, asked for in the caller's thread: for who has no event loop."""
        try:
            return self._client.ask([self._prompts[role] + text for text in texts]).vectors
        except (ModelError, KeyRefused) as error:
            raise told(error) from error

    async def embed(self, texts: Sequence[str], role: Role, taken: Taken = lambda tokens: None) -> EndpointAnswer:
        """Vectors and the endpoint's count of tokens. `taken` hears of a request that the endpoint bills: of the count,
        or None where nobody waited for it or there is none.

        Raises UpstreamRefused, UpstreamBusy, UpstreamFailed or UpstreamSilent.
        """
        prompt = self._prompts[role]
        sent = [prompt + text for text in texts] if prompt else texts
        try:
            answer = await self._calls.ask(self._client, sent, taken)
        except (ModelError, KeyRefused) as error:
            raise told(error) from error
        if self._adapter is None:
            self.dim = answer.vectors.shape[1]
            return answer
        if role is not Role.QUERY:
            return answer
        if answer.vectors.shape[1] != self._adapter.dim:
            raise UpstreamFailed("The remote model's vectors have another length than the tuned model was made for.")
        return EndpointAnswer(self._adapter.apply(answer.vectors), answer.tokens)


def told(error: VectuneError) -> VectuneError:
    """What callers are told of an endpoint's error: whose fault it is, and neither address nor key."""
    if isinstance(error, EndpointSilent):
        return UpstreamSilent("The remote model behind this name can't be reached.", "Try again later.")
    if not isinstance(error, EndpointRefused):
        return UpstreamFailed("The remote model behind this name does not answer this server's requests.")
    if error.status == 429:
        return UpstreamBusy(_COME_BACK_SECONDS if error.retry_after is None else error.retry_after)
    if error.status in _CALLERS_FAULT:
        return UpstreamRefused(f"The remote model refused the request: {error.said or error.status}")
    if error.status in (502, 503, 504):
        return UpstreamSilent("The remote model behind this name has no time now.", "Try again later.")
    return UpstreamFailed(f"The remote model behind this name answered with an error ({error.status}).")
