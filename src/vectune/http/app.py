"""The app factory: routes, errors and request ids around the services that it is handed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from vectune.http import embeddings, errors, files, health, jobs, legacy, models
from vectune.http.request_ids import RequestIds
from vectune.http.services import Services

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def _nothing(app: FastAPI) -> AsyncIterator[None]:
    yield


def build_app(services: Services, lifespan: Lifespan = _nothing) -> FastAPI:
    """The service over `services`; `lifespan` is entered when a server starts it and left when it stops.

    There is no page that draws the OpenAPI document: the usual one loads its scripts from elsewhere.
    """
    app = FastAPI(title="vectune", version=version("vectune"), docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.services = services
    app.add_middleware(RequestIds)
    errors.install(app)
    for module in (embeddings, files, jobs, legacy, models, health):
        app.include_router(module.router)
    return app
