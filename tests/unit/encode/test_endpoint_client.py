"""One request to an endpoint."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.fakes.embeddings_endpoint import KEY, EmbeddingsEndpoint, Fault, serving
from tests.fakes.hash_encoder import HashEncoder
from vectune.config.remote import Endpoint, RemoteConfig
from vectune.encode.endpoint_client import EndpointClient, EndpointRefused, EndpointSilent, KeyRefused
from vectune.errors import ModelError


@pytest.fixture
def place() -> Iterator[EmbeddingsEndpoint]:
    """A healthy endpoint."""
    with serving(EmbeddingsEndpoint()) as endpoint:
        yield endpoint


@pytest.fixture
def client(place: EmbeddingsEndpoint) -> Iterator[EndpointClient]:
    """A client that tries nothing twice."""
    with EndpointClient("small", Endpoint(place.url, KEY), RemoteConfig(retries=0)) as client:
        yield client


def test_vectors_and_tokens(place: EmbeddingsEndpoint, client: EndpointClient) -> None:
    """Vectors come in order and of length 1; tokens are the endpoint's count, None where it tells none."""
    answer = client.ask(["red cat", "blue"])
    np.testing.assert_allclose(answer.vectors, HashEncoder().encode(["red cat", "blue"]), atol=1e-6)
    assert answer.tokens is None
    place.tokens_a_word = 7
    assert client.ask(["red cat", "blue"]).tokens == 21


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "7"}, 7.0), ({"retry-after-ms": "250", "retry-after": "1"}, 0.25), ({}, None),
     ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None)],
)  # fmt: skip
def test_refusal_keeps_status_and_time(
    place: EmbeddingsEndpoint, client: EndpointClient, headers: dict[str, str], seconds: float | None
) -> None:
    """What a caller further up needs: the status, the endpoint's own words without the key, when to come back."""
    place.faults = [Fault(429, headers, f"slow down, {KEY}")]
    with pytest.raises(EndpointRefused) as refused:
        client.ask(["a"])
    assert (refused.value.status, refused.value.said) == (429, "slow down, ***")
    assert refused.value.retry_after == seconds


def test_other_failures_are_told_apart(place: EmbeddingsEndpoint, client: EndpointClient) -> None:
    """A key that is not taken, nobody there, and an answer that is none each have a class."""
    place.faults = [Fault(401)]
    with pytest.raises(KeyRefused, match="refused the key"):
        client.ask(["a"])
    place.short_by = 1
    with pytest.raises(ModelError, match="1 vectors for 2 texts"):
        client.ask(["a", "b"])
    nobody = EndpointClient("small", Endpoint("http://127.0.0.1:9/v1", KEY), RemoteConfig(retries=0))
    with pytest.raises(EndpointSilent, match="can't be reached"):
        nobody.ask(["a"])
    nobody.close()
