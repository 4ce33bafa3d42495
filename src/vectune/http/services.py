"""What the routes work with: handed to the app once, found again through the request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from vectune.config.serve import ServeConfig
from vectune.http.background import Background
from vectune.http.body_room import BodyRoom
from vectune.http.limits import CallerLimits
from vectune.http.metrics import ServerMetrics
from vectune.http.streams import Streams
from vectune.http.token_table import TokenTable
from vectune.http.transfers import Transfers
from vectune.http.uploads import Uploads
from vectune.jobs.files import FileStore
from vectune.jobs.jobs import JobStore
from vectune.jobs.keys import Caller, KeyStore
from vectune.jobs.models import ModelRegistry
from vectune.serve.graphs import GraphMaker
from vectune.serve.models import ModelCache
from vectune.serve.queue import EmbeddingQueue
from vectune.serve.readiness import Readiness
from vectune.serve.text_cache import TextCache


@dataclass(frozen=True)
class Services:
    """The stores and the engine behind the routes."""

    config: ServeConfig
    files: FileStore
    jobs: JobStore
    models: ModelRegistry
    cache: ModelCache
    queue: EmbeddingQueue
    readiness: Readiness
    background: Background
    metrics: ServerMetrics
    keys: KeyStore
    limits: CallerLimits
    uploads: Uploads
    bodies: BodyRoom
    transfers: Transfers
    tokens: TokenTable | None = None
    texts: TextCache = field(default_factory=lambda: TextCache(0))
    streams: Streams = field(default_factory=Streams)
    graphs: GraphMaker | None = None


def services_of(request: Request) -> Services:
    """The services behind the app that was asked."""
    services: Services = request.app.state.services
    return services


def caller_of(request: Request) -> Caller:
    """Who asks, as the layer before the routes found out."""
    caller: Caller = request.state.caller
    return caller


# Asynchronous though they wait for nothing: others would be sent to a thread each time.
async def _services(request: Request) -> Services:
    return services_of(request)


async def _caller(request: Request) -> Caller:
    return caller_of(request)


async def _project(request: Request) -> str:
    """Whose files, jobs and models the caller sees."""
    return str(caller_of(request).project)


Work = Annotated[Services, Depends(_services)]
Who = Annotated[Caller, Depends(_caller)]
Project = Annotated[str, Depends(_project)]
