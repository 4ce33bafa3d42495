"""Routes that read their requests themselves."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response


class PlainRoute(APIRoute):
    """A route whose function takes the request alone and gives the response; nothing that it depends on is looked at.

    FastAPI's search for what else a function wants costs a good part of a short request, found or not. The route stands
    in the OpenAPI document as every other.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What FastAPI calls with each request."""
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler
