"""Who asks."""

from __future__ import annotations

from dataclasses import replace

import openai
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.unit.http.conftest import MODEL, ROWS
from tests.unit.http.keyed import caller, new_key
from vectune.http.app import build_app
from vectune.http.auth import OPEN_PATHS
from vectune.http.services import Services
from vectune.jobs.keys import Caller


def test_without_keys_everybody_is_the_default_project(http: TestClient, services: Services) -> None:
    """Before there is a key whatever is sent as one is passed over."""
    http.post("files", files={"file": ("a.jsonl", ROWS)}, data={"purpose": "fine-tune"})
    assert len(services.files.list("default").data) == 1
    for sent in ("Bearer none", "nonsense", ""):
        assert http.get("models", headers={"authorization": sent}).status_code == 200


def test_with_a_key_every_path_needs_one(http: TestClient, app: FastAPI, services: Services) -> None:
    """Every route of the document answers 401 without a key, whatever its method, and so do paths that are none."""
    document = http.get("http://127.0.0.1/openapi.json").json()
    secret = new_key(services)
    for path, operations in document["paths"].items():
        for method in operations:
            answer = http.request(method, f"http://127.0.0.1{path}")
            assert (answer.status_code == 401) is (path not in OPEN_PATHS), (method, path)
    for path in ("nothing", "files/", "../v1/files", "../files", "../docs", "../", "FILES"):
        assert http.get(path).status_code == 401, path
    assert http.request("PUT", "files").status_code == 401
    assert caller(app, secret).get("models").status_code == 200


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
def test_open_paths_stay_open(http: TestClient, services: Services, path: str) -> None:
    """Whoever watches over the server needs no key."""
    new_key(services)
    assert http.get(f"http://127.0.0.1{path}").status_code in (200, 503)


def test_refusal_is_one_that_clients_know(http: TestClient, services: Services) -> None:
    """The official client raises its AuthenticationError, with the code that it looks for."""
    new_key(services)
    client = openai.OpenAI(base_url="http://127.0.0.1/v1", api_key="vt-wrong", http_client=http, max_retries=0)
    with pytest.raises(openai.AuthenticationError) as refused:
        client.embeddings.create(model=MODEL, input="a")
    assert refused.value.code == "invalid_api_key"
    assert refused.value.type == "authentication_error"
    assert refused.value.response.headers["www-authenticate"] == "Bearer"
    assert refused.value.response.headers["x-request-id"]
    assert "vt-wrong" not in refused.value.message


def test_official_client_with_a_key(http: TestClient, services: Services) -> None:
    """A key of the store is all that the client needs."""
    client = openai.OpenAI(base_url="http://127.0.0.1/v1", api_key=new_key(services), http_client=http, max_retries=0)
    assert client.embeddings.create(model=MODEL, input="a").data


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic {secret}",
        "{secret}",
        "Bearer{secret}",
        "Bearer {secret}x",
        "Bearer {secret} {secret}",
        "Bearer \u00e9\u00ff",
        "Bearer " + "x" * 60_000,
        "Bearer vt-AAAAAAAAAAAAAAAA-" + "A" * 43,
    ],
    ids=lambda sent: str(sent)[:20],
)
def test_headers_that_are_no_key(http: TestClient, services: Services, sent: str | None) -> None:
    """Missing, malformed, wrong and huge headers are all a 401, and none is repeated in the answer."""
    secret = new_key(services)
    headers = {} if sent is None else {"authorization": sent.format(secret=secret).encode("latin-1")}
    answer = http.get("models", headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert len(answer.content) < 500
    assert secret not in answer.text


def test_two_keys_at_once(http: TestClient, services: Services) -> None:
    """Of two Authorization headers neither is chosen."""
    good = f"Bearer {new_key(services)}"
    assert http.get("models", headers=[("authorization", good), ("authorization", good)]).status_code == 401
    assert http.get("models", headers={"AUTHORIZATION": good.replace("Bearer", "bearer")}).status_code == 200


def test_revoked_key(app: FastAPI, services: Services) -> None:
    """A key that is revoked opens nothing, and neither does having none after the last is revoked."""
    asking = caller(app, new_key(services))
    assert asking.get("models").status_code == 200
    services.keys.revoke("laptop")
    assert asking.get("models").status_code == 401
    del asking.headers["authorization"]
    assert asking.get("models").status_code == 401


def test_caller_is_known_to_the_log(app: FastAPI, services: Services) -> None:
    """The request's state says who asked; the secret is not in it."""
    seen: list[Caller] = []
    secret = new_key(services, "search")

    async def look(scope: dict[str, object], receive: object, send: object) -> None:
        seen.append(scope["state"]["caller"])  # type: ignore[index]

    app.mount("/v1/who", look)  # type: ignore[arg-type]
    caller(app, secret).get("who/")
    assert [found.project for found in seen] == ["search"]
    assert secret not in str(seen)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:8765"}, 200),
        ({"host": "[::1]:8765"}, 200),
        ({"host": "localhost"}, 200),
        ({"host": "LOCALHOST:8765"}, 200),
        ({"host": "wiki"}, 403),
        ({"host": "wiki:8765"}, 403),
        ({"host": "localhost.wiki"}, 403),
        ({"host": "2130706433"}, 403),
        ({"host": "evil.example:8765"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "192.0.2.7"}, 403),
        ({"host": "["}, 403),
        ({"origin": "http://localhost:3000"}, 200),
        ({"origin": "http://127.0.0.1:3000"}, 200),
        ({"origin": "https://[::1]"}, 200),
        ({"origin": "http://wiki"}, 403),
        ({"origin": "http://wiki:8765"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
    ],
    ids=str,
)
def test_pages_of_other_sites(http: TestClient, headers: dict[str, str], status: int) -> None:
    """Without keys a browser that was led here by another site's page, or by a name that was bent, is refused."""
    assert http.get("models", headers=headers).status_code == status


def test_with_a_key_any_name_will_do(app: FastAPI, services: Services) -> None:
    """Behind a proxy the service has another name: whoever has a key may use it."""
    asking = caller(app, new_key(services))
    for headers in ({"host": "vectune.example"}, {"origin": "https://app.example"}):
        assert asking.get("models", headers=headers).status_code == 200


def test_page_of_the_local_network_does_nothing(http: TestClient, services: Services) -> None:
    """What a browser sends without asking first, led by a page of a machine next door, leaves no trace."""
    form = {"files": {"file": ("a.jsonl", ROWS)}, "data": {"purpose": "fine-tune"}}
    assert http.post("files", headers={"origin": "http://wiki"}, **form).status_code == 403  # type: ignore[arg-type]
    assert services.files.list("default").data == ()
    assert http.post("files", headers={"origin": "http://localhost"}, **form).status_code == 200  # type: ignore[arg-type]


def test_own_name_of_the_service(services: Services) -> None:
    """Without keys the name that the service listens on is good as well, in any letters, and no other."""
    config = services.config.model_copy(update={"host": "Desk"})
    http = TestClient(build_app(replace(services, config=config)), base_url="http://desk/v1/")
    for origin, status in (("http://desk:8765", 200), ("http://localhost", 200), ("http://wiki", 403)):
        assert http.get("models", headers={"origin": origin}).status_code == status
