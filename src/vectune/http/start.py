"""From settings to a running server: opens the stores, loads the default model in the background, listens."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from vectune.config.serve import ServeConfig
from vectune.encode.open_encoder import Opening, open_encoder
from vectune.errors import StorageError, UsageError
from vectune.http.app import Lifespan, build_app
from vectune.http.background import Background
from vectune.http.services import Services
from vectune.http.token_table import read_token_table
from vectune.jobs.database import Database
from vectune.jobs.files import FileStore
from vectune.jobs.jobs import JobStore
from vectune.jobs.models import ModelRegistry
from vectune.jobs.supervisor import Supervisor
from vectune.serve.models import ModelCache
from vectune.serve.queue import EmbeddingQueue
from vectune.serve.readiness import Readiness
from vectune.serve.shared_encoder import SharedEncoder, shared
from vectune.serve.weights import weights_bytes

_GIB = 1 << 30
_LAST_WORDS_SECONDS = 3


def open_services(config: ServeConfig) -> Services:
    """The stores under the config's home, migrated, and an engine that is not started yet."""
    try:
        config.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{config.home} can't be used: {error.strerror}.", "Name another folder: --home.") from error
    database = Database(config.database_url)
    database.migrate()
    files = FileStore(database, config.files_root)
    models = ModelRegistry(database, config.home, aliases=config.names, bases=(config.default_model,))

    def load(name: str) -> SharedEncoder:
        return shared(open_encoder(name, Opening(backend=config.backend)), name)

    cache = ModelCache(load, int(config.model_gib * _GIB), weights_bytes)
    return Services(
        config=config,
        files=files,
        jobs=JobStore(database, models),
        models=models,
        cache=cache,
        queue=EmbeddingQueue(config.batch_tokens, config.waiting_tokens),
        readiness=Readiness(lambda: cache.get(config.default_model)),
        background=Background(),
        tokens=None if config.token_table is None else read_token_table(config.token_table),
    )


def running(services: Services, supervisor: Supervisor | None = None) -> Lifespan:
    """What a server starts before it listens and stops when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        services.queue.start()
        services.readiness.start()
        if supervisor is not None:
            await asyncio.to_thread(supervisor.start)
        try:
            yield
        finally:
            await asyncio.to_thread(_stop, services, supervisor)

    return lifespan


def serve(config: ServeConfig, listening: Callable[[str], None]) -> None:
    """Run the service until it is told to stop; `listening` hears its URL as soon as it can be called.

    Raises UsageError when the address is taken, and what opening the stores raises.
    """
    with _bound(config) as listener:
        services = open_services(config)
        app = build_app(services, running(services, _supervisor(config)))
        url = f"http://{_shown(config.host)}:{listener.getsockname()[1]}"
        server = uvicorn.Server(
            uvicorn.Config(
                app, log_level="warning", access_log=False, server_header=False,
                timeout_graceful_shutdown=_LAST_WORDS_SECONDS,
            )
        )  # fmt: skip
        listening(url)
        server.run(sockets=[listener])


def _supervisor(config: ServeConfig) -> Supervisor:
    return Supervisor(config.home, config.database_url, config.files_root, config.workers, config.jobs)


def _stop(services: Services, supervisor: Supervisor | None) -> None:
    if supervisor is not None:
        supervisor.stop()
    services.queue.close()
    services.background.close()


def _bound(config: ServeConfig) -> socket.socket:
    try:
        return socket.create_server((config.host, config.port), family=_family(config.host), backlog=2048)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise UsageError(
            f"{config.host}:{config.port} can't be listened on: {why}.", "Name another port: --port 0 takes a free one."
        ) from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
