"""The app over real stores and a model by hash, and the official client that calls it in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import openai
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.fakes.hash_encoder import HashEncoder
from vectune.config import ServeConfig
from vectune.http.app import build_app
from vectune.http.services import Services
from vectune.http.start import open_services
from vectune.serve.models import ModelCache
from vectune.serve.readiness import Readiness
from vectune.serve.shared_encoder import SharedEncoder

MODEL = "text-embedding-3-small"
ROWS = b'{"text": "red1", "label": "a"}\n{"text": "cat2", "label": "b"}\n'


def hash_model(name: str) -> SharedEncoder:
    """A model of 32 dims that sees 5 tokens of a text."""
    inner = HashEncoder(name=name)
    encoder = SharedEncoder(inner, inner.count_tokens)
    encoder.max_tokens = 5
    return encoder


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """Stores in a folder of their own and hash encoders in place of models; no worker runs."""
    config = ServeConfig(home=tmp_path / "home", default_model="plain-model", upload_bytes=2000, body_bytes=1_000_000)
    opened = open_services(config)
    cache = ModelCache(hash_model, 1 << 30, lambda name: 0)
    made = replace(opened, cache=cache, readiness=Readiness(lambda: cache.get(config.default_model)))
    made.queue.start()
    yield made
    made.queue.close()
    made.limits.close()
    made.transfers.close()
    made.background.close()


@pytest.fixture
def app(services: Services) -> FastAPI:
    """The app over these services."""
    return build_app(services)


@pytest.fixture
def http(app: FastAPI) -> TestClient:
    """Raw requests."""
    return TestClient(app, base_url="http://127.0.0.1/v1/", raise_server_exceptions=False)


@pytest.fixture
def client(http: TestClient) -> openai.OpenAI:
    """The official client; it tries nothing twice, so that a test sees the first answer."""
    return openai.OpenAI(base_url="http://127.0.0.1/v1", api_key="none", http_client=http, max_retries=0)


@pytest.fixture
async def async_client(app: FastAPI) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official asynchronous client."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as http:
        yield openai.AsyncOpenAI(base_url="http://127.0.0.1/v1", api_key="none", http_client=http, max_retries=0)


@pytest.fixture
def file_id(client: openai.OpenAI) -> str:
    """An uploaded file with two labelled rows."""
    return client.files.create(file=("rows.jsonl", ROWS), purpose="fine-tune").id
