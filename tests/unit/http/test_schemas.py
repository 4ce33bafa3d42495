"""The OpenAPI document: what it says of answers is what is answered."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.unit.http.conftest import MODEL, ROWS
from tests.unit.http.keyed import new_key
from vectune.http.schemas import ANSWERS, SCHEMAS, STREAMS
from vectune.http.services import Services

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "boolean": bool, "object": dict, "array": list, "null": type(None),
    "number": (int, float),
}  # fmt: skip


def fault(schema: dict[str, Any], value: Any, place: str = "") -> str | None:
    """Where `value` is not as `schema` says; None where it is."""
    if "$ref" in schema:
        return fault(SCHEMAS[schema["$ref"].rsplit("/", 1)[1]], value, place)
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    if not any(isinstance(value, _TYPES[kind]) for kind in kinds):
        return f"{place} is {value!r}"
    if isinstance(value, list):
        return next((found for item in value if (found := fault(schema.get("items", {}) or ANY, item, place))), None)
    if not isinstance(value, dict):
        return None
    missing = [name for name in schema.get("required", ()) if name not in value]
    if missing:
        return f"{place} has no {missing}"
    inner = schema.get("properties", {})
    return next((found for name in inner if (found := fault(inner[name], value[name], f"{place}.{name}"))), None)


ANY: dict[str, Any] = {"type": ["string", "integer", "boolean", "object", "array", "null"]}


@pytest.fixture
def document(http: TestClient) -> dict[str, Any]:
    """The document as a client gets it."""
    found: dict[str, Any] = http.get("http://127.0.0.1/openapi.json").json()
    return found


def test_every_route_is_described(document: dict[str, Any]) -> None:
    """Below /v1 each operation wants a key, says what a good answer looks like, and which errors there are."""
    described = {
        (path, method)
        for path, operations in document["paths"].items()
        for method in operations
        if path.startswith("/v1/")
    }
    assert described == set(ANSWERS) | set(STREAMS)
    for path, method in described:
        operation = document["paths"][path][method]
        assert operation["security"] == [{"key": []}]
        assert {"200", "400", "401", "404", "429"} <= set(operation["responses"])
        assert "422" not in operation["responses"]
        assert operation["responses"]["200"]["content"]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert "security" not in document["paths"]["/healthz"]["get"]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """Shapes and operations that are referred to are there."""
    text = str(document)
    for part in text.split("'$ref': '")[1:]:
        assert part.split("'")[0].rsplit("/", 1)[1] in document["components"]["schemas"]
    names = {operation["operationId"] for operations in document["paths"].values() for operation in operations.values()}
    links = document["paths"]["/v1/files"]["post"]["responses"]["200"]["links"]
    assert {link["operationId"] for link in links.values()} <= names
    assert len(links) == 3


def test_answers_are_as_described(http: TestClient, services: Services) -> None:
    """Each kind of answer has the fields of its schema, with values of their types."""
    file = http.post("files", files={"file": ("a.jsonl", ROWS)}, data={"purpose": "fine-tune"}).json()
    body = {"model": MODEL, "training_file": file["id"], "metadata": {"a": "b"}}
    job = http.post("fine_tuning/jobs", json=body).json()
    older = http.post("fine-tunes", json={"model": MODEL, "training_file": file["id"]}).json()
    asked = {
        ("/v1/files", "post"): file,
        ("/v1/fine_tuning/jobs", "post"): job,
        ("/v1/fine-tunes", "post"): older,
        ("/v1/embeddings", "post"): http.post("embeddings", json={"model": MODEL, "input": ["a", "b"]}).json(),
        ("/v1/fine_tuning/jobs/{name}/cancel", "post"): http.post(f"fine_tuning/jobs/{job['id']}/cancel").json(),
        ("/v1/fine-tunes/{name}/cancel", "post"): http.post(f"fine-tunes/{older['id']}/cancel").json(),
    }
    of = {"files": file["id"], "fine_tuning": job["id"], "fine-tunes": older["id"], "models": MODEL}
    for path, method in ANSWERS:
        if method == "get":
            place = path.replace("{name}", of[path.split("/")[2]])
            asked[path, method] = http.get(f"http://127.0.0.1{place}").json()
    asked["/v1/files/{name}", "delete"] = http.delete(f"files/{file['id']}").json()
    for route, answer in asked.items():
        assert fault(SCHEMAS[ANSWERS[route]], answer) is None, route
    assert len(asked) == len(ANSWERS) - 3
    assert fault(SCHEMAS["Error"], http.get("files/none").json()) is None
    new_key(services)
    assert fault(SCHEMAS["Error"], http.get("files").json()) is None
