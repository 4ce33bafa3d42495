"""`POST /v1/embeddings`, asked by the official client and by hand."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from dataclasses import replace
from pathlib import Path

import httpx2
import numpy as np
import openai
import pytest
from starlette.testclient import TestClient

from tests.fakes.hash_encoder import HashEncoder
from tests.unit.http.conftest import MODEL, hash_model
from vectune.http.app import build_app
from vectune.http.services import Services
from vectune.http.shapes import MOST_TOKENS, MOST_TOKENS_TOGETHER
from vectune.http.token_table import TokenTable
from vectune.records import Role
from vectune.serve.models import ModelCache
from vectune.serve.shared_encoder import SharedEncoder
from vectune.serve.text_cache import TextCache

TEXTS = ["red cat", "blue dog", "rain"]


def _refusal(client: openai.OpenAI, **body: object) -> openai.BadRequestError:
    with pytest.raises(openai.BadRequestError) as refused:
        client.embeddings.create(**{"model": MODEL, "input": "a", **body})  # type: ignore[arg-type]
    return refused.value


@pytest.mark.parametrize("encoding", [{}, {"encoding_format": "base64"}, {"encoding_format": "float"}])
def test_client_gets_the_encoders_vectors(client: openai.OpenAI, encoding: dict[str, str]) -> None:
    """By default (base64 inside the client) and in both formats by name, order kept, tokens counted by the model."""
    answer = client.embeddings.create(model=MODEL, input=TEXTS, **encoding)  # type: ignore[arg-type]
    shown = [
        np.frombuffer(base64.b64decode(entry.embedding), "<f4") if isinstance(entry.embedding, str) else entry.embedding
        for entry in answer.data
    ]
    np.testing.assert_allclose(shown, HashEncoder().encode(TEXTS), atol=1e-6)
    assert [entry.index for entry in answer.data] == [0, 1, 2]
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (11, 11)
    assert answer.model == MODEL


def test_one_text_is_a_list_of_one(client: openai.OpenAI) -> None:
    """A plain string gives one vector."""
    answer = client.embeddings.create(model="plain-model", input="red cat")
    np.testing.assert_allclose(answer.data[0].embedding, HashEncoder().encode(["red cat"])[0], atol=1e-6)


async def test_async_client(async_client: openai.AsyncOpenAI) -> None:
    """The asynchronous client gets the same."""
    answer = await async_client.embeddings.create(model=MODEL, input=TEXTS)
    np.testing.assert_allclose([entry.embedding for entry in answer.data], HashEncoder().encode(TEXTS), atol=1e-6)


def test_base64_is_the_float32_buffer(http: TestClient) -> None:
    """The raw answer holds little-endian float32 in base64, bit for bit."""
    body = {"model": MODEL, "input": ["red cat"], "encoding_format": "base64"}
    raw = http.post("embeddings", json=body).json()["data"][0]["embedding"]
    assert base64.b64decode(raw) == HashEncoder().encode(["red cat"]).astype("<f4").tobytes()


def test_dimensions_cut_and_scale(client: openai.OpenAI) -> None:
    """Fewer dimensions are the first ones, of length 1, with a warning where the model was not trained for them."""
    raw = client.embeddings.with_raw_response.create(model=MODEL, input="red", dimensions=8)
    vector = np.array(raw.parse().data[0].embedding)
    full = HashEncoder().encode(["red"])[0][:8]
    np.testing.assert_allclose(vector, full / np.linalg.norm(full), atol=1e-6)
    assert "not trained for 8 dimensions" in raw.headers["x-vectune-warning"]


def test_trained_dimensions_need_no_warning(services: Services, tmp_path: Path) -> None:
    """A Matryoshka size that the model was trained for comes without a warning."""
    (tmp_path / "vectune_space.json").write_text(json.dumps({"dims": [32, 8]}), encoding="utf-8")
    config = services.config.model_copy(update={"aliases": {"trained": str(tmp_path)}})
    services.models._aliases["trained"] = str(tmp_path)  # the registry was opened with the fixture's settings
    http = TestClient(build_app(replace(services, config=config)), base_url="http://127.0.0.1/v1/")
    assert (
        "x-vectune-warning"
        not in http.post("embeddings", json={"model": "trained", "input": "a", "dimensions": 8}).headers
    )


def test_more_dimensions_than_there_are(client: openai.OpenAI) -> None:
    """Asking for more values than the model has is refused, naming both numbers."""
    refused = _refusal(client, dimensions=33)
    assert refused.param == "dimensions"
    assert "32" in refused.message
    assert "33" in refused.message


def test_cut_texts_are_told(client: openai.OpenAI) -> None:
    """Texts longer than the model reads are embedded, and the answer says how many were cut."""
    raw = client.embeddings.with_raw_response.create(model=MODEL, input=["one", "a b c d e f g"])
    assert raw.headers["x-vectune-warning"].startswith("1 of 2 inputs were read up to the model's limit of 5 tokens")


@pytest.mark.parametrize(
    ("model", "extra", "role"),
    [
        (MODEL, {}, Role.DOCUMENT),
        (f"{MODEL}:query", {}, Role.QUERY),
        (f"{MODEL}:document", {}, Role.DOCUMENT),
        (MODEL, {"input_type": "query"}, Role.QUERY),
        (f"{MODEL}:query", {"input_type": "document"}, Role.DOCUMENT),
    ],
)
def test_side_of_a_search(services: Services, model: str, extra: dict[str, str], role: Role) -> None:
    """The field `input_type`, else the end of the model's name, says which side; without either it is documents."""
    roles: list[Role] = []

    class Told(HashEncoder):
        def encode(self, texts, role=Role.DOCUMENT, progress=None):  # type: ignore[no-untyped-def]
            roles.append(role)
            return super().encode(texts, role, progress)

    services.cache.get("plain-model")._encoder = Told()
    http = TestClient(build_app(services), base_url="http://127.0.0.1/v1")
    client = openai.OpenAI(base_url="http://127.0.0.1/v1", api_key="none", http_client=http)
    client.embeddings.create(model=model, input="a", extra_body=extra)
    assert roles == [role]


@pytest.mark.parametrize("tokens", [[5, 6], [[5, 6], [7]]])
def test_token_arrays_are_refused_with_what_to_set(client: openai.OpenAI, tokens: list[object]) -> None:
    """Without a table the caller is told the client's setting and the server's."""
    refused = _refusal(client, input=tokens)
    assert refused.param == "input"
    assert "check_embedding_ctx_length=False" in refused.message
    assert "token_table" in refused.message


def test_token_arrays_by_a_table(services: Services) -> None:
    """With a table the tokens are read back as text; a number that is none is refused."""
    table = TokenTable({5: b"red ", 6: b"cat", 7: b"rain"})
    http = TestClient(build_app(replace(services, tokens=table)), base_url="http://127.0.0.1/v1/")
    found = http.post("embeddings", json={"model": MODEL, "input": [[5, 6], [7]]}).json()["data"]
    np.testing.assert_allclose(
        [entry["embedding"] for entry in found], HashEncoder().encode(["red cat", "rain"]), atol=1e-6
    )
    assert http.post("embeddings", json={"model": MODEL, "input": [8]}).json()["error"]["param"] == "input"


@pytest.mark.parametrize(
    "given",
    ["", [], ["a", ""], [[]], ["a", 5], {"text": "a"}, None, [["a"]], [1.5], [True], ["a"] * 2049, [["a"], "b"]],
    ids=str,
)
def test_inputs_of_no_known_form(client: openai.OpenAI, given: object) -> None:
    """Empty, mixed and other inputs are refused, and the answer names the field."""
    assert _refusal(client, extra_body={"input": given}).param == "input"


def test_limit_of_one_text(client: openai.OpenAI) -> None:
    """A text over 8,192 tokens is refused with its place; one of exactly so many is taken."""
    fits = "a " * (MOST_TOKENS - 2)
    assert client.embeddings.create(model=MODEL, input=fits).usage.prompt_tokens == MOST_TOKENS
    refused = _refusal(client, input=["short", fits + "a"])
    assert refused.code == "context_length_exceeded"
    assert "Input 1" in refused.message


def test_limit_of_all_texts_together(client: openai.OpenAI) -> None:
    """More than 300,000 tokens in a request are refused."""
    refused = _refusal(client, input=["a " * 3000] * (MOST_TOKENS_TOGETHER // 3000))
    assert refused.code == "context_length_exceeded"
    assert f"{MOST_TOKENS_TOGETHER}" in refused.message


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": True}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"input_type": "passage"}, "input_type"),
        ({"truncate": True}, "truncate"),
        ({"model": 5}, "model"),
    ],
)
def test_other_fields_are_checked(client: openai.OpenAI, extra: dict[str, object], param: str) -> None:
    """Wrong values and unknown fields are refused with their name."""
    assert _refusal(client, extra_body=extra).param == param


def test_unknown_model(client: openai.OpenAI) -> None:
    """A model that does not exist is a 404 with the code that clients look for."""
    with pytest.raises(openai.NotFoundError) as missing:
        client.embeddings.create(model="nothing:query", input="a")
    assert missing.value.code == "model_not_found"
    assert "`nothing`" in missing.value.message


def test_full_queue_is_a_429(services: Services) -> None:
    """A server with too much to do says so at once, and when to come back."""

    class Full:
        def room_for(self, tokens: int) -> None:
            from vectune.serve.queue import Overloaded

            raise Overloaded(1.5, 100, 3)

    http = TestClient(build_app(replace(services, queue=Full())), base_url="http://127.0.0.1/v1/")  # type: ignore[arg-type]
    answer = http.post("embeddings", json={"model": MODEL, "input": "a"})
    assert answer.status_code == 429
    assert answer.json()["error"]["type"] == "rate_limit_error"
    assert answer.headers["retry-after-ms"] == "1500"
    assert answer.headers["retry-after"] == "2"
    told = {name: value for name, value in answer.headers.items() if name.startswith("x-ratelimit")}
    assert told == {
        "x-ratelimit-limit-tokens": "100",
        "x-ratelimit-remaining-tokens": "3",
        "x-ratelimit-reset-tokens": "1.5s",
    }


def test_hash_model_is_cut_at_five_tokens() -> None:
    """The fake that these tests rest on has the limit that they speak of."""
    assert hash_model("a").max_tokens == 5


def test_cached_texts_are_answered_alike(services: Services) -> None:
    """With a cache answers are what they are without, byte for byte, warnings and tokens too, whatever size is asked
    for."""
    kept = TextCache(1 << 20)
    http = TestClient(build_app(replace(services, texts=kept)), base_url="http://127.0.0.1/v1/")
    bodies = [
        {"model": MODEL, "input": texts, "dimensions": dim}
        for texts, dim in ((["red cat", "a b c d e f g"], None), (["red cat"], 8), (["rain", "red cat"], None))
    ]
    plain = TestClient(build_app(services), base_url="http://127.0.0.1/v1/")
    for body in bodies * 2:
        first, again = plain.post("embeddings", json=body), http.post("embeddings", json=body)
        assert again.content == first.content
        assert again.headers.get("x-vectune-warning") == first.headers.get("x-vectune-warning")
    assert (kept.hits, kept.misses) == (7, 3)


async def test_too_many_who_wait_for_a_model_are_told_to_come_back(services: Services) -> None:
    """While a model is loaded only so much waits for it; the others hear at once when to try again."""
    gate = threading.Event()

    def load(name: str) -> SharedEncoder:
        assert gate.wait(20)
        return hash_model(name)

    cache = ModelCache(load, 1 << 30, lambda name: 0, most_waiting=300)
    body = {"model": MODEL, "input": "red cat"}
    transport = httpx2.ASGITransport(build_app(replace(services, cache=cache)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1/v1/") as http:
        first = asyncio.create_task(http.post("embeddings", json=body))
        while not cache.names:
            await asyncio.sleep(0.005)
        refused = await http.post("embeddings", json=body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "server_is_overloaded")
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["x-ratelimit-limit-tokens"] == "300"
        gate.set()
        assert (await first).status_code == 200
        assert (await http.post("embeddings", json=body)).status_code == 200
