"""What Prometheus is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from tests.fakes.slow_encoder import SlowEncoder
from tests.unit.http.conftest import MODEL, hash_model
from vectune.errors import StorageError
from vectune.http.app import build_app
from vectune.http.metrics import OTHER, TUNED, Levels, ServerMetrics
from vectune.http.services import Services
from vectune.records import Role
from vectune.serve.models import ModelCache
from vectune.serve.queue import Overloaded
from vectune.serve.shared_encoder import SharedEncoder

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class FullQueue:
    """Takes nothing."""

    waiting_tokens = waiting_texts = 7

    def room_for(self, tokens: int) -> None:
        raise Overloaded(1.0, 10, 0)


def _read(http: TestClient) -> Samples:
    page = http.get("http://127.0.0.1/metrics")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
    }


def _value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"vectune_{name}", tuple(sorted(labels.items()))]


def test_requests_by_route(http: TestClient, client: openai.OpenAI, file_id: str) -> None:
    """Requests are counted by the path as the routes write it, the method and the status, and timed."""
    client.files.retrieve(file_id)
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve("file-none")
    found = _read(http)
    route = {"method": "GET", "route": "/v1/files/{name}"}
    assert _value(found, "http_requests_total", status="200", **route) == 1
    assert _value(found, "http_requests_total", status="404", **route) == 1
    assert _value(found, "http_request_seconds_count", **route) == 2
    assert _value(found, "http_request_seconds_bucket", le="60.0", **route) == 2
    assert _value(found, "http_request_seconds_bucket", le="0.001", **route) <= 2
    assert _value(found, "http_requests_in_flight") == 1


def test_nothing_sent_becomes_a_label(http: TestClient) -> None:
    """Paths, methods and models that callers make up leave no trace, however many they are."""
    for number in range(50):
        http.get(f"secret-path-{number}")
        http.request(f"SECRET{number}", "files")
        http.post("embeddings", json={"model": f"secret-model-{number}", "input": "secret text"})
        http.get(f"files/secret-{number}")
    text = http.get("http://127.0.0.1/metrics").text
    assert "ecret" not in text
    assert "SECRET" not in text
    found = _read(http)
    assert _value(found, "http_requests_total", method="GET", route="unmatched", status="404") == 50
    assert sum(value for (name, _), value in found.items() if name == "vectune_http_requests_total") >= 200
    assert len(text.splitlines()) < 400


def test_models_by_the_names_of_the_settings() -> None:
    """A model of the settings has its name, a path its last part; tuned ones share a label, as do all others."""
    metrics = ServerMetrics({"a": "/models/base", "b": "org/model"}, 100)
    places = ["/models/base", "org/model", "/home/models/ftjob-abc", "org/other"]
    assert [metrics.model_label(place) for place in places] == ["base", "org/model", TUNED, OTHER]


def test_embedding_is_counted(http: TestClient, client: openai.OpenAI) -> None:
    """Tokens by model, and batches by how full they were and how long they took."""
    before = _read(http)
    assert ("vectune_embedded_tokens_total", (("model", "plain-model"),)) not in before
    used = client.embeddings.create(model=MODEL, input=["red1 red2", "cat1"]).usage.total_tokens
    found = _read(http)
    assert _value(found, "embedded_tokens_total", model="plain-model") == used > 0
    assert _value(found, "batch_texts_total") == 2
    assert _value(found, "batch_fill_count") == _value(found, "batch_seconds_count") == 1
    assert 0 < _value(found, "batch_fill_sum") < 0.1
    assert _value(found, "queue_waiting_tokens") == _value(found, "queue_waiting_texts") == 0
    assert _value(found, "models_loaded") == 1


def test_jobs_by_status(http: TestClient, client: openai.OpenAI, file_id: str) -> None:
    """Each status has its number, those of none too."""
    client.fine_tuning.jobs.cancel(client.fine_tuning.jobs.create(model=MODEL, training_file=file_id).id)
    client.fine_tuning.jobs.create(model=MODEL, training_file=file_id)
    found = _read(http)
    statuses = ("validating_files", "queued", "cancelled", "running")
    counts = {status: _value(found, "jobs", status=status) for status in statuses}
    waiting = counts.pop("validating_files") + counts.pop("queued")  # by whether the file was read through by now
    assert (waiting, counts) == (1, {"cancelled": 1, "running": 0})
    assert _value(found, "database_up") == 1
    assert _value(found, "ready") == 0


def test_database_that_does_not_answer(services: Services) -> None:
    """The page is there all the same, says so, and has no numbers of jobs."""

    class Broken:
        def counts(self) -> None:
            raise StorageError("It is away.")

    with TestClient(build_app(replace(services, jobs=Broken())), base_url="http://127.0.0.1/v1/") as http:  # type: ignore[arg-type]
        found = _read(http)
    assert _value(found, "database_up") == 0
    assert not [name for name, _ in found if name == "vectune_jobs"]


def test_refusals_by_kind() -> None:
    """A refusal has the code of one of ours; other codes are one label."""
    metrics = ServerMetrics({}, 100)
    for code in ("server_is_overloaded", "rate_limit_exceeded", "made-up", None):
        metrics.refused(code)
    page = _page(metrics)
    assert 'vectune_refusals_total{code="server_is_overloaded"} 1.0' in page
    assert 'vectune_refusals_total{code="other"} 2.0' in page


def test_overload_is_a_refusal(services: Services) -> None:
    """A 429 of the queue is counted as one, by its code."""
    app = build_app(replace(services, queue=FullQueue()))  # type: ignore[arg-type]
    http = TestClient(app, base_url="http://127.0.0.1/v1/")
    assert http.post("embeddings", json={"model": MODEL, "input": "red1"}).status_code == 429
    assert _value(_read(http), "refusals_total", code="server_is_overloaded") == 1


def test_version_and_process(http: TestClient) -> None:
    """What runs, and what the process takes."""
    found = _read(http)
    assert [value for (name, _), value in found.items() if name == "vectune_build_info"] == [1]
    assert found["process_resident_memory_bytes", ()] > 1e6


def test_each_app_counts_for_itself(services: Services) -> None:
    """Two sets of metrics in one process share nothing."""
    first, second = ServerMetrics({}, 100), ServerMetrics({}, 100)
    first.begin()
    first.end("GET", "/healthz", 200, 0.01)
    assert "/healthz" in _page(first)
    assert "/healthz" not in _page(second)
    assert services.metrics.registry is not first.registry


def test_openmetrics_for_those_who_ask(http: TestClient) -> None:
    """Prometheus asks for the newer form, and gets it."""
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    page = http.get("http://127.0.0.1/metrics", headers={"accept": accept})
    assert page.headers["content-type"].startswith("application/openmetrics-text")
    assert page.text.endswith("# EOF\n")


def _page(metrics: ServerMetrics) -> str:
    return metrics.page(Levels(0, 0, 0, 0, True, {}))[0].decode()


async def test_levels_are_those_of_the_queue(services: Services) -> None:
    """Texts that wait, and their tokens, stand there while they wait, and are gone when they are done."""
    slow = SlowEncoder()
    encoder = SharedEncoder(slow)
    http = TestClient(build_app(services), base_url="http://127.0.0.1/v1/")
    asked = [asyncio.create_task(services.queue.embed(encoder, ["first"], Role.DOCUMENT))]
    assert await asyncio.to_thread(slow.started.wait, 20)
    texts = ("red2", "d" * 40)  # about 3 and 12 tokens
    asked += [asyncio.create_task(services.queue.embed(encoder, [text] * 2, Role.DOCUMENT)) for text in texts]
    await asyncio.sleep(0)
    found = await asyncio.to_thread(_read, http)
    assert (_value(found, "queue_waiting_texts"), _value(found, "queue_waiting_tokens")) == (4, 30)
    slow.gate.set()
    await asyncio.gather(*asked)
    found = await asyncio.to_thread(_read, http)
    assert (_value(found, "queue_waiting_texts"), _value(found, "queue_waiting_tokens")) == (0, 0)


def test_levels_are_those_of_the_models(services: Services) -> None:
    """Bytes of the weights in memory and how many models there are, as they come and go; ready when the default is."""
    cache = ModelCache(hash_model, 1 << 30, {"plain-model": 1_000_000, "other": 234_567}.__getitem__)
    http = TestClient(build_app(replace(services, cache=cache)), base_url="http://127.0.0.1/v1/")

    def levels() -> tuple[float, float]:
        found = _read(http)
        return _value(found, "model_bytes"), _value(found, "models_loaded")

    told = [levels()]
    for name in ("plain-model", "other"):
        cache.get(name)
        told.append(levels())
    assert told == [(0, 0), (1_000_000, 1), (1_234_567, 2)]
    cache.forget("plain-model")
    assert levels() == (234_567, 1)
    services.readiness.prove()
    assert _value(_read(http), "ready") == 1
