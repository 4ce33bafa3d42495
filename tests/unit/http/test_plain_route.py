"""Routes that read their requests themselves."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response
from starlette.testclient import TestClient

from vectune.errors import NotFound
from vectune.http import errors
from vectune.http.plain_route import PlainRoute


def _app() -> FastAPI:
    router = APIRouter(route_class=PlainRoute)

    @router.post("/things/{name}")
    async def make(request: Request) -> Response:
        """One thing."""
        request.state.request_id = "req_1"
        if request.path_params["name"] == "none":
            raise NotFound("There is no such thing.")
        return Response(request.scope["route"].path.encode() + await request.body())

    app = FastAPI()
    errors.install(app)
    app.include_router(router)
    return app


def test_function_has_the_request_and_gives_the_response() -> None:
    """Its path, its body and the route that the log names are there; what it raises is answered as elsewhere."""
    with TestClient(_app()) as client:
        assert client.post("/things/a", content=b"!").text == "/things/{name}!"
        assert client.post("/things/none").json()["error"]["code"] == NotFound.code
        assert client.get("/things/a").status_code == 405


def test_route_is_documented() -> None:
    """The OpenAPI document has it, without parameters that nobody sends."""
    found = _app().openapi()["paths"]["/things/{name}"]["post"]
    assert found["summary"] == "Make"
    assert "requestBody" not in found
    assert "request" not in [parameter["name"] for parameter in found.get("parameters", [])]
