"""Routes that read their requests themselves."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class PlainRoute(APIRoute):
    """A route whose async function takes the request alone and gives the response; nothing that it depends on is looked
    at, and a `max_body_size` of FastAPI's is not either: the function reads the body itself.

    FastAPI's search for what else a function wants costs a good part of a short request, found or not, and so do its
    stacks of what is to be closed after it. The route stands in the OpenAPI document as every other.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what the function raises is for the app's handlers of errors."""
        if self.methods and scope["method"] not in self.methods:
            await super().handle(scope, receive, send)
            return
        response: Response = await self.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What FastAPI calls with each request."""
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler
