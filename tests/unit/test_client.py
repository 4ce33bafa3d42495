"""vectune's own client: the official one with an address and the older interface."""

from __future__ import annotations

import httpx2
import openai
import pytest

from vectune.client import DEFAULT_URL, AsyncOpenAI, OpenAI

JOB = {"id": "ft-1", "object": "fine-tune", "model": "m", "created_at": 1, "updated_at": 2, "status": "pending"}
EVENT = {"object": "fine-tune-event", "created_at": 1, "level": "info", "message": "hello"}


class Answers:
    """A transport that remembers requests and answers each path of the older interface."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append((request.method, request.url.raw_path.decode(), request.read()))
        path = request.url.path
        if "stream=true" in str(request.url):
            stream = b'data: {"object":"fine-tune-event","created_at":1,"level":"info","message":"hello"}\n\n'
            return httpx2.Response(200, content=stream + b": still there\n\ndata: [DONE]\n\n")
        if path.endswith("/events"):
            return httpx2.Response(200, json={"object": "list", "data": [EVENT]})
        if request.method == "GET" and path.endswith("/fine-tunes"):
            return httpx2.Response(200, json={"object": "list", "data": [JOB]})
        return httpx2.Response(200, json=JOB)


def test_address_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come from VECTUNE_*, never from OPENAI_*; what is given goes first; without any it is this machine."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-someone-else")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://example.org/v1")
    for kind in (OpenAI, AsyncOpenAI):
        monkeypatch.delenv("VECTUNE_BASE_URL", raising=False)
        monkeypatch.delenv("VECTUNE_API_KEY", raising=False)
        assert str(kind().base_url).rstrip("/") == DEFAULT_URL
        assert kind().api_key == "none"
        monkeypatch.setenv("VECTUNE_BASE_URL", "http://127.0.0.1:9/v1")
        monkeypatch.setenv("VECTUNE_API_KEY", "key")
        assert str(kind().base_url).rstrip("/") == "http://127.0.0.1:9/v1"
        assert kind().api_key == "key"
        assert kind(api_key="mine").with_options(timeout=5).api_key == "mine"


def test_official_clients_in_all_else() -> None:
    """They are subclasses: whatever the official client can do, they can."""
    assert issubclass(OpenAI, openai.OpenAI)
    assert issubclass(AsyncOpenAI, openai.AsyncOpenAI)
    assert hasattr(OpenAI(), "fine_tuning")


def test_older_interface() -> None:
    """Each call goes to its path, and gives objects with attributes."""
    answers = Answers()
    client = OpenAI(http_client=httpx2.Client(transport=httpx2.MockTransport(answers)))
    made = client.fine_tunes.create(training_file="file-1", model="m", n_epochs=4)
    assert (made.id, made.status) == ("ft-1", "pending")
    assert client.fine_tunes.get(id="ft-1").id == client.fine_tunes.retrieve("ft-1").id == "ft-1"
    assert client.fine_tunes.list().data[0].model == "m"
    assert client.fine_tunes.cancel("ft-1").id == "ft-1"
    assert client.fine_tunes.events("ft-1").data[0].message == "hello"
    assert [event.message for event in client.fine_tunes.stream_events("ft-1")] == ["hello"]
    assert [(method, path) for method, path, _ in answers.asked] == [
        ("POST", "/v1/fine-tunes"),
        ("GET", "/v1/fine-tunes/ft-1"),
        ("GET", "/v1/fine-tunes/ft-1"),
        ("GET", "/v1/fine-tunes"),
        ("POST", "/v1/fine-tunes/ft-1/cancel"),
        ("GET", "/v1/fine-tunes/ft-1/events"),
        ("GET", "/v1/fine-tunes/ft-1/events?stream=true"),
    ]
    assert b'"n_epochs":4' in answers.asked[0][2].replace(b" ", b"")


async def test_older_interface_asynchronously() -> None:
    """The asynchronous client has the same calls."""
    answers = Answers()
    client = AsyncOpenAI(http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(answers)))
    assert (await client.fine_tunes.create(training_file="file-1")).id == "ft-1"
    assert (await client.fine_tunes.get("ft-1")).id == "ft-1"
    assert len((await client.fine_tunes.list()).data) == 1
    assert (await client.fine_tunes.cancel("ft-1")).status == "pending"
    assert (await client.fine_tunes.events("ft-1")).data[0].level == "info"
    assert [event.message async for event in client.fine_tunes.stream_events("ft-1")] == ["hello"]
