"""What the routes work with: handed to the app once, found again through the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from vectune.config.serve import ServeConfig
from vectune.http.background import Background
from vectune.http.token_table import TokenTable
from vectune.jobs.files import FileStore
from vectune.jobs.jobs import JobStore
from vectune.jobs.models import ModelRegistry
from vectune.serve.models import ModelCache
from vectune.serve.queue import EmbeddingQueue
from vectune.serve.readiness import Readiness

DEFAULT_PROJECT = "default"


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
    tokens: TokenTable | None = None


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _project() -> str:
    """Whose files, jobs and models the caller sees: one project for all, as long as callers are not told apart."""
    return DEFAULT_PROJECT


Work = Annotated[Services, Depends(_services)]
Project = Annotated[str, Depends(_project)]
