"""The official OpenAI client, aimed at vectune, with the `fine_tunes` that older scripts call.

`from vectune.client import OpenAI` in place of `from openai import OpenAI` is the one line that changes. The address is
VECTUNE_BASE_URL, by default http://127.0.0.1:8765/v1; the key is VECTUNE_API_KEY, which a server without keys does not
look at.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from functools import cached_property
from typing import Any

try:
    import openai
    from openai import AsyncStream, Stream
    from openai._models import BaseModel
except ImportError as error:
    from vectune.errors import ConfigError

    raise ConfigError("The openai package is not installed.", "pip install 'vectune[serve]'") from error

DEFAULT_URL = "http://127.0.0.1:8765/v1"
URL_VARIABLE = "VECTUNE_BASE_URL"
KEY_VARIABLE = "VECTUNE_API_KEY"
_NO_KEY = "none"  # the client wants one


class FineTuneEvent(BaseModel):
    """Something that happened to a job."""

    object: str
    created_at: int
    level: str
    message: str


class FineTune(BaseModel):
    """A job of the interface before fine_tuning.jobs; `status` is pending, running, succeeded, failed or cancelled."""

    id: str
    object: str
    model: str
    created_at: int
    updated_at: int
    status: str
    fine_tuned_model: str | None = None
    hyperparams: dict[str, Any] = {}
    organization_id: str | None = None
    training_files: list[dict[str, Any]] = []
    validation_files: list[dict[str, Any]] = []
    result_files: list[dict[str, Any]] = []
    events: list[FineTuneEvent] = []
    error: dict[str, Any] | None = None


class FineTuneList(BaseModel):
    """Jobs, newest first; `has_more` says whether others come after the last."""

    data: list[FineTune]
    object: str
    has_more: bool = False


class FineTuneEvents(BaseModel):
    """Events of a job, oldest first."""

    data: list[FineTuneEvent]
    object: str


class FineTunes:
    """`client.fine_tunes`."""

    def __init__(self, client: openai.OpenAI) -> None:
        self._client = client

    def create(self, *, training_file: str, **settings: Any) -> FineTune:
        """Start a job; `settings` are model, validation_file, n_epochs, batch_size, learning_rate_multiplier..."""
        return self._client.post("/fine-tunes", body={"training_file": training_file, **settings}, cast_to=FineTune)

    def retrieve(self, id: str) -> FineTune:  # noqa: A002 - the name that scripts use
        """The job as it stands."""
        return self._client.get(f"/fine-tunes/{id}", cast_to=FineTune)

    get = retrieve

    def list(self, **query: Any) -> FineTuneList:
        """The jobs of this interface, up to a thousand; `query` are after, the id of a job, and limit."""
        return self._client.get("/fine-tunes", cast_to=FineTuneList, options={"params": query})

    def cancel(self, id: str) -> FineTune:  # noqa: A002
        """End the job."""
        return self._client.post(f"/fine-tunes/{id}/cancel", cast_to=FineTune)

    def events(self, id: str) -> FineTuneEvents:  # noqa: A002
        """What happened so far."""
        return self._client.get(f"/fine-tunes/{id}/events", cast_to=FineTuneEvents)

    def stream_events(self, id: str) -> Iterator[FineTuneEvent]:  # noqa: A002
        """What happened and what happens, as it comes, until the job is over."""
        stream: Stream[FineTuneEvent] = self._client.get(
            f"/fine-tunes/{id}/events", cast_to=FineTuneEvent, stream=True, stream_cls=Stream[FineTuneEvent],
            options={"params": {"stream": "true"}},
        )  # fmt: skip
        with stream:
            yield from stream


class AsyncFineTunes:
    """`client.fine_tunes` of the asynchronous client."""

    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self._client = client

    async def create(self, *, training_file: str, **settings: Any) -> FineTune:
        """Start a job; `settings` are those of FineTunes.create."""
        body = {"training_file": training_file, **settings}
        return await self._client.post("/fine-tunes", body=body, cast_to=FineTune)

    async def retrieve(self, id: str) -> FineTune:  # noqa: A002
        """The job as it stands."""
        return await self._client.get(f"/fine-tunes/{id}", cast_to=FineTune)

    get = retrieve

    async def list(self, **query: Any) -> FineTuneList:
        """The jobs of this interface, with `query` as for FineTunes.list."""
        return await self._client.get("/fine-tunes", cast_to=FineTuneList, options={"params": query})

    async def cancel(self, id: str) -> FineTune:  # noqa: A002
        """End the job."""
        return await self._client.post(f"/fine-tunes/{id}/cancel", cast_to=FineTune)

    async def events(self, id: str) -> FineTuneEvents:  # noqa: A002
        """What happened so far."""
        return await self._client.get(f"/fine-tunes/{id}/events", cast_to=FineTuneEvents)

    async def stream_events(self, id: str) -> AsyncIterator[FineTuneEvent]:  # noqa: A002
        """What happened and what happens, as it comes, until the job is over."""
        stream: AsyncStream[FineTuneEvent] = await self._client.get(
            f"/fine-tunes/{id}/events", cast_to=FineTuneEvent, stream=True, stream_cls=AsyncStream[FineTuneEvent],
            options={"params": {"stream": "true"}},
        )  # fmt: skip
        async with stream:
            async for event in stream:
                yield event


class OpenAI(openai.OpenAI):
    """`openai.OpenAI` with vectune's address and key by default, and `fine_tunes`."""

    def __init__(self, *, api_key: Any = None, base_url: Any = None, **options: Any) -> None:
        super().__init__(api_key=api_key or _key(), base_url=base_url or _url(), **options)

    @cached_property
    def fine_tunes(self) -> FineTunes:
        """Jobs as older scripts make them."""
        return FineTunes(self)


class AsyncOpenAI(openai.AsyncOpenAI):
    """`openai.AsyncOpenAI` with vectune's address and key by default, and `fine_tunes`."""

    def __init__(self, *, api_key: Any = None, base_url: Any = None, **options: Any) -> None:
        super().__init__(api_key=api_key or _key(), base_url=base_url or _url(), **options)

    @cached_property
    def fine_tunes(self) -> AsyncFineTunes:
        """Jobs as older scripts make them."""
        return AsyncFineTunes(self)


def _url() -> str:
    return os.environ.get(URL_VARIABLE, "").strip() or DEFAULT_URL


def _key() -> str:
    return os.environ.get(KEY_VARIABLE, "").strip() or _NO_KEY
