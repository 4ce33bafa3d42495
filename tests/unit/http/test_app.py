"""The app as a whole: health, the OpenAPI document, nothing from elsewhere."""

from __future__ import annotations

from starlette.testclient import TestClient

from tests.fakes.slow_encoder import SlowEncoder
from tests.unit.http.conftest import MODEL, hash_model
from vectune.errors import ModelError
from vectune.http.app import build_app
from vectune.http.documents import documented
from vectune.http.health import router
from vectune.http.services import Services
from vectune.http.shapes import JobRequest
from vectune.http.start import running
from vectune.serve.readiness import Readiness

PATHS = {
    "/v1/files": {"get", "post"},
    "/v1/files/{name}": {"get", "delete"},
    "/v1/files/{name}/content": {"get"},
    "/v1/fine_tuning/jobs": {"get", "post"},
    "/v1/fine_tuning/jobs/{name}": {"get"},
    "/v1/fine_tuning/jobs/{name}/cancel": {"post"},
    "/v1/fine_tuning/jobs/{name}/pause": {"post"},
    "/v1/fine_tuning/jobs/{name}/resume": {"post"},
    "/v1/fine_tuning/jobs/{name}/events": {"get"},
    "/v1/fine_tuning/jobs/{name}/checkpoints": {"get"},
    "/v1/embeddings": {"post"},
    "/v1/models": {"get"},
    "/v1/models/{name}": {"get", "delete"},
    "/v1/fine-tunes": {"get", "post"},
    "/v1/fine-tunes/{name}": {"get"},
    "/v1/fine-tunes/{name}/cancel": {"post"},
    "/v1/fine-tunes/{name}/events": {"get"},
    "/healthz": {"get"},
    "/readyz": {"get"},
}


def test_document_lists_every_path(http: TestClient) -> None:
    """openapi.json has each path and method that clients use, with the bodies they send."""
    document = http.get("http://127.0.0.1/openapi.json").json()
    found = {path.replace(":path", ""): set(methods) for path, methods in document["paths"].items()}
    assert found == PATHS
    body = document["paths"]["/v1/embeddings"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"input", "model", "dimensions", "input_type"} <= set(body["properties"])
    assert "multipart/form-data" in document["paths"]["/v1/files"]["post"]["requestBody"]["content"]


def test_no_page_that_loads_from_elsewhere(http: TestClient) -> None:
    """The pages that draw the document, whose scripts come from a CDN, are not there."""
    assert [http.get(f"http://127.0.0.1/{page}").status_code for page in ("docs", "redoc")] == [404, 404]


def test_nested_shapes_are_written_out() -> None:
    """Shapes inside a body stand in place: nothing refers to definitions that the document does not have."""
    assert "$ref" not in str(documented(JobRequest))
    assert "supervised" in str(documented(JobRequest))


def test_health_and_readiness(http: TestClient, services: Services) -> None:
    """Alive at once; ready when the default model answers, and the reason when it can't."""
    assert router.routes
    assert http.get("http://127.0.0.1/healthz").json() == {"status": "ok"}
    loading = http.get("http://127.0.0.1/readyz")
    assert (loading.status_code, loading.json()["status"]) == (503, "loading")
    services.readiness.prove()
    ready = http.get("http://127.0.0.1/readyz")
    assert (ready.status_code, ready.json()["model"]) == (200, "plain-model")


def test_model_that_can_not_be_loaded(services: Services) -> None:
    """A default model that is not there is told at /readyz; the server stays up."""

    def load() -> None:
        raise ModelError("There is no such model.")

    object.__setattr__(services, "readiness", Readiness(load))  # type: ignore[arg-type]
    services.readiness.prove()
    with TestClient(build_app(services), base_url="http://127.0.0.1") as http:
        assert http.get("/readyz").status_code == 503
        assert "no such model" in http.get("/readyz").json()["reason"]
        assert http.get("/healthz").status_code == 200


def test_model_that_goes_away_and_comes_back(services: Services) -> None:
    """Whoever asks /readyz or /metrics is told so both times."""
    encoder = SlowEncoder()
    encoder.gate.set()
    object.__setattr__(services, "readiness", Readiness(lambda: encoder))
    for fault, status in ((None, 200), (ModelError("Its folder is gone."), 503), (None, 200)):
        encoder.fault = fault
        services.readiness.prove()
        with TestClient(build_app(services), base_url="http://127.0.0.1") as http:
            assert http.get("/readyz").status_code == status
            assert f"vectune_ready {float(status == 200)}" in http.get("/metrics").text


def test_life_of_a_server(services: Services) -> None:
    """Entering starts the queue and the loading of the default model; leaving stops them."""
    services.queue.close()
    fresh = type(services.queue)(1000, 10_000)
    object.__setattr__(services, "queue", fresh)
    with TestClient(build_app(services, running(services)), base_url="http://127.0.0.1") as http:
        assert http.post("/v1/embeddings", json={"model": MODEL, "input": "a"}).status_code == 200
    assert not any(thread.is_alive() for thread in fresh._threads)
    assert hash_model("a").dim == 32
