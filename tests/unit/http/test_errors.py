"""Errors as clients see them."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.unit.http.conftest import MODEL
from vectune.errors import CapacityError, DataError, ModelError, NotFound, StorageError, VectuneError
from vectune.http.app import build_app
from vectune.http.errors import response_to
from vectune.http.services import Services
from vectune.jobs.refusals import BadParameter, DatabaseAway, InUse, Refused, TooLarge
from vectune.serve.queue import Overloaded
from vectune.serve.remote_model import UpstreamBusy

SECRET = "/home/someone/secret"


def _raising(services: Services, error: Exception) -> TestClient:
    class Broken:
        def list(self, *given: object, **named: object) -> None:
            raise error

    app = build_app(replace(services, files=Broken()))  # type: ignore[arg-type]
    return TestClient(app, base_url="http://127.0.0.1/v1/", raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (NotFound("No file."), 404, "invalid_request_error", "not_found"),
        (BadParameter("No.", "Do.", "limit"), 400, "invalid_request_error", "invalid_value"),
        (DataError("Bad rows."), 400, "invalid_request_error", "data_error"),
        (InUse("In use."), 400, "invalid_request_error", "in_use"),
        (Refused("It is over."), 400, "invalid_request_error", "invalid_status"),
        (TooLarge("Too large."), 413, "invalid_request_error", "file_too_large"),
        (CapacityError("No memory."), 503, "service_unavailable_error", "capacity_error"),
        (ModelError("Damaged."), 500, "server_error", "model_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_our_errors(services: Services, error: VectuneError, status: int, kind: str, code: str) -> None:
    """Each class becomes a status, a type and a code, with its sentence and its hint."""
    answer = _raising(services, error).get("files")
    told = answer.json()["error"]
    assert (answer.status_code, told["type"], told["code"]) == (status, kind, code)
    assert told["message"] == f"{error.message} {error.hint}".strip()
    assert told["param"] == getattr(error, "param", None)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ValueError(SECRET), 500, "internal_error"),
        (OSError(2, SECRET), 500, "internal_error"),
        (StorageError(f"{SECRET} is full."), 503, "storage_error"),
        (DatabaseAway(f"The database at {SECRET} refused."), 503, "database_away"),
    ],
    ids=repr,
)
def test_what_is_inside_stays_inside(
    services: Services, error: Exception, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Faults of the server's own tell nothing of paths or code; the log has all, under the same id. A storage that is
    away or full may be back later, which clients know by a 503."""
    with caplog.at_level(logging.ERROR, "vectune.http"):
        answer = _raising(services, error).get("files")
    told = answer.json()["error"]
    assert (answer.status_code, told["code"]) == (status, code)
    assert told["type"] == ("server_error" if status == 500 else "service_unavailable_error")
    assert SECRET not in answer.text
    assert "x-request-id" in told["message"]
    assert answer.headers["x-request-id"] in caplog.text
    assert SECRET in caplog.text


def test_words_of_libraries_stay_inside(services: Services, caplog: pytest.LogCaptureFixture) -> None:
    """Of a model that can't be loaded callers hear that, and who runs the server why."""
    error = ModelError.because("The model can't be loaded", ValueError("no head of secret"), "Save it again.")
    with caplog.at_level(logging.ERROR, "vectune.http"):
        answer = _raising(services, error).get("files")
    assert answer.json()["error"]["message"] == "The model can't be loaded. Save it again."
    assert "no head of secret" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "nothing", 404, "unknown_url"),
        ("GET", "../v2", 404, "unknown_url"),
        ("PUT", "embeddings", 405, "method_not_allowed"),
        ("GET", "embeddings", 405, "method_not_allowed"),
        ("DELETE", "fine_tuning/jobs", 405, "method_not_allowed"),
    ],
)
def test_paths_and_methods_that_are_none(http: TestClient, method: str, path: str, status: int, code: str) -> None:
    """An unknown path and a wrong method answer in the same shape as every other error."""
    answer = http.request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"null", b'"a"', b"\xff\xfe", b'{"a":' * 2000 + b"1" + b"}" * 2000], ids=range(7)
)
def test_bodies_that_are_no_request(http: TestClient, body: bytes) -> None:
    """Broken, deep or wholly different JSON is a 400 in a sentence."""
    for path in ("embeddings", "fine_tuning/jobs", "fine-tunes"):
        answer = http.post(path, content=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["files/%00", "models/a%00", "files?after=%00", "fine_tuning/jobs?metadata[a]=%00"])
def test_nul_in_an_address(http: TestClient, path: str) -> None:
    """No store sees a NUL, which PostgreSQL would not take; neither do bodies bring one in."""
    assert http.get(path).status_code == 400
    body = {"model": MODEL, "training_file": "file-1", "suffix": "a\0b"}
    assert http.post("fine_tuning/jobs", json=body).json()["error"]["param"] == "suffix"


def test_huge_body(http: TestClient) -> None:
    """A body over the limit is a 413, announced or not."""
    big = b'"' + b"a" * 1_200_000 + b'"'
    assert http.post("embeddings", content=big).status_code == 413
    assert http.post("embeddings", content=iter([big[:600_000], big[600_000:]])).status_code == 413


def test_query_values(http: TestClient) -> None:
    """A limit that is none is refused, with the field's name."""
    for path in ("files?limit=0", "fine_tuning/jobs?limit=many", "files?order=up"):
        answer = http.get(path)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] in ("limit", "order")


def test_each_answer_has_an_id(http: TestClient, app: FastAPI) -> None:
    """Good and bad answers alike: an id of their own, the time taken, and the version of the interface."""
    found = [http.get("models"), http.get("nothing"), http.post("embeddings", content=b"{"), http.get("../healthz")]
    found += [http.post("embeddings", json={"model": MODEL, "input": "a"})]
    ids = {answer.headers["x-request-id"] for answer in found}
    assert len(ids) == len(found)
    assert all(each.startswith("req_") for each in ids)
    assert all(answer.headers["openai-processing-ms"].isdigit() for answer in found)
    assert {answer.headers["openai-version"] for answer in found} == {"2020-10-01"}


def test_database_that_is_away_when_a_key_is_looked_up(services: Services) -> None:
    """The layer before the routes answers alike."""

    class Away:
        def known_need(self) -> None:
            return None

        def needed(self) -> bool:
            raise DatabaseAway(f"The database at {SECRET} refused.")

    app = build_app(replace(services, keys=Away()))  # type: ignore[arg-type]
    answer = TestClient(app, base_url="http://127.0.0.1/v1/").get("models")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_away")
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("error", "limits", "after"),
    [
        (Overloaded(1.5, 100, 3), {"limit-tokens": "100", "remaining-tokens": "3", "reset-tokens": "1.5s"}, "2"),
        (Overloaded(0.012, 9, 0), {"limit-tokens": "9", "remaining-tokens": "0", "reset-tokens": "12ms"}, "1"),
        (UpstreamBusy(7.0), {"remaining-requests": "0", "reset-requests": "7s"}, "7"),
        (UpstreamBusy(1.0, 17), {"limit-requests": "17", "remaining-requests": "0", "reset-requests": "1s"}, "1"),
    ],
    ids=["queue", "soon", "endpoint", "calls"],
)
def test_headers_of_a_server_with_too_much_to_do(error: Overloaded, limits: dict[str, str], after: str) -> None:
    """A 429 says in OpenAI's headers what may wait, what is left of it, when there is room, and when to come back."""
    answer = response_to(error, "req_1")
    told = {name: value for name, value in answer.headers.items() if name.startswith("x-ratelimit-")}
    assert answer.status_code == 429
    assert told == {f"x-ratelimit-{name}": value for name, value in limits.items()}
    assert answer.headers["retry-after"] == after
    assert float(answer.headers["retry-after-ms"]) == error.retry_after * 1000
