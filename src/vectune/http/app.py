"""The app factory: routes, errors and request ids around the services that it is handed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI

from vectune.http import embeddings, errors, files, health, jobs, legacy, models
from vectune.http.auth import Authentication
from vectune.http.documents import complete
from vectune.http.patience import Patience
from vectune.http.request_ids import RequestIds
from vectune.http.services import Services

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def _nothing(app: FastAPI) -> AsyncIterator[None]:
    yield


def build_app(services: Services, lifespan: Lifespan = _nothing) -> FastAPI:
    """The service over `services`; `lifespan` is entered when a server starts it and left when it stops.

    There is no page that draws the OpenAPI document: the usual one loads its scripts from elsewhere. Nothing is
    redirected: where to would be the caller's to say, in the header Host. FastAPI's own telemetry is off: /metrics
    tells what there is to tell, to whoever asks for it.
    """
    app = FastAPI(
        title="vectune", version=version("vectune"), docs_url=None, redoc_url=None, redirect_slashes=False,
        lifespan=lifespan, telemetry={"tracing": False, "metrics": False, "logs": False},
    )  # fmt: skip
    app.state.services = services
    config = services.config
    app.add_middleware(Patience, seconds=config.body_seconds, bytes_a_second=config.body_bytes_a_second)
    app.add_middleware(Authentication, keys=services.keys, limits=services.limits, host=config.host)
    app.add_middleware(RequestIds, metrics=services.metrics)  # the last is the outermost
    errors.install(app)
    app.router.routes[:0] = embeddings.router.routes  # found first: an included router is searched twice a request
    for module in (files, jobs, legacy, models, health):
        app.include_router(module.router)
    app.openapi = partial(complete, app, app.openapi)  # type: ignore[method-assign]
    return app
