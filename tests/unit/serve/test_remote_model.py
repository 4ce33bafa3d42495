"""Models behind an endpoint."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from tests.fakes.hash_encoder import HashEncoder
from tests.unit.encode.test_adapted import random_adapter
from vectune.encode.endpoint_client import EndpointAnswer, EndpointRefused, EndpointSilent, KeyRefused
from vectune.errors import ModelError, VectuneError
from vectune.records import Role
from vectune.serve.remote_model import (
    Calls,
    RemoteModel,
    UpstreamBusy,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamSilent,
    told,
)

TEXTS = ["red cat", "blue"]
SECRET = "http://internal.example:8000/v1"


class Endpoint:
    """Answers by hash; `fault` is raised, `gate` is waited for."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.fault: VectuneError | None = None
        self.gate = threading.Event()
        self.gate.set()

    def ask(self, texts: Sequence[str]) -> EndpointAnswer:
        self.asked.append(list(texts))
        assert self.gate.wait(20)
        if self.fault is not None:
            raise self.fault
        return EndpointAnswer(HashEncoder().encode(texts), 5)


async def test_vectors_and_count_are_the_endpoints() -> None:
    """One request for all texts, prompts in front; queries go through the adapter, documents do not."""
    endpoint, adapter = Endpoint(), random_adapter()
    model = RemoteModel(endpoint, Calls(2), "remote", adapter, ("ask: ", ""))
    documents = await model.embed(TEXTS, Role.DOCUMENT)
    queries = await model.embed(TEXTS, Role.QUERY)
    np.testing.assert_allclose(documents.vectors, HashEncoder().encode(TEXTS), atol=1e-6)
    sent = [f"ask: {text}" for text in TEXTS]
    np.testing.assert_allclose(queries.vectors, adapter.apply(HashEncoder().encode(sent)), atol=1e-6)
    assert documents.tokens == queries.tokens == 5
    assert endpoint.asked == [TEXTS, sent]
    np.testing.assert_allclose(model.encode(TEXTS), documents.vectors, atol=1e-6)


async def test_vectors_of_another_length() -> None:
    """An endpoint that changed its model does not get through to an adapter; its answer is paid for all the same."""
    model = RemoteModel(Endpoint(), Calls(2), "remote", random_adapter(dim=16))
    heard: list[int | None] = []
    with pytest.raises(UpstreamFailed, match="another length"):
        await model.embed(TEXTS, Role.QUERY, heard.append)
    assert heard == [5]


async def test_length_is_known_from_an_answer_or_an_adapter() -> None:
    """Nobody can tell the length of an endpoint's vectors before it has given some."""
    plain = RemoteModel(Endpoint(), Calls(2), "remote")
    assert plain.dim is None
    await plain.embed(TEXTS, Role.DOCUMENT)
    assert plain.dim == 32
    assert RemoteModel(Endpoint(), Calls(2), "remote", random_adapter(dim=16)).dim == 16


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (EndpointSilent(f"{SECRET} can't be reached."), UpstreamSilent, "can't be reached"),
        (KeyRefused(f"{SECRET} refused the key (401)."), UpstreamFailed, "does not answer"),
        (ModelError(f"small at {SECRET} answered with nonsense."), UpstreamFailed, "does not answer"),
        (EndpointRefused(f"{SECRET}", status=400, said="too many tokens"), UpstreamRefused, "too many tokens"),
        (EndpointRefused(f"{SECRET}", status=503, said="no"), UpstreamSilent, "no time"),
        (EndpointRefused(f"{SECRET}", status=500, said="oh"), UpstreamFailed, r"error \(500\)"),
        (EndpointRefused(f"{SECRET}", status=404), UpstreamFailed, r"error \(404\)"),
        (EndpointRefused(f"{SECRET}", status=429, retry_after=7.0), UpstreamBusy, "no more requests"),
    ],
)
async def test_callers_hear_whose_fault_it_is(fault: VectuneError, kind: type[VectuneError], said: str) -> None:
    """Each failure of the endpoint is an error of ours that does not tell its address, and costs nothing."""
    endpoint = Endpoint()
    endpoint.fault = fault
    model = RemoteModel(endpoint, Calls(2), "remote")
    heard: list[int | None] = []
    with pytest.raises(kind, match=said) as raised:
        await model.embed(TEXTS, Role.DOCUMENT, heard.append)
    assert heard == []
    assert SECRET not in raised.value.message + raised.value.hint
    with pytest.raises(kind):
        model.encode(TEXTS)


def test_time_to_wait_is_passed_on() -> None:
    """The endpoint's own time, or a second where it names none."""
    found = [told(EndpointRefused("", status=429, retry_after=seconds)) for seconds in (7.0, None)]
    assert [error.retry_after for error in found if isinstance(error, UpstreamBusy)] == [7.0, 1.0]


async def test_more_than_may_wait_is_refused() -> None:
    """Beyond the requests that may be under way and wait, callers are told to come back; who leaves makes room."""
    endpoint, calls = Endpoint(), Calls(1)
    endpoint.gate.clear()
    model = RemoteModel(endpoint, calls, "remote")
    waiting = [asyncio.create_task(model.embed(["a"], Role.DOCUMENT)) for _ in range(17)]
    await asyncio.sleep(0)
    with pytest.raises(UpstreamBusy) as refused:
        await model.embed(["b"], Role.DOCUMENT)
    assert (refused.value.limit, refused.value.remaining) == (17, 0)
    waiting[-1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[-1]
    last = asyncio.create_task(model.embed(["c"], Role.DOCUMENT))
    await asyncio.sleep(0)
    endpoint.gate.set()
    assert all(answer.tokens == 5 for answer in await asyncio.gather(*waiting[:-1], last))
    assert len(endpoint.asked) == 17
