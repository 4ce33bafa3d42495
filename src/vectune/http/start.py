"""From settings to a running server: opens the stores, loads the default model in the background, listens."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

import uvicorn
from fastapi import FastAPI

from vectune.config.jobs import JobsConfig
from vectune.config.remote import endpoint
from vectune.config.serve import ServeConfig
from vectune.encode.backends.graph_aside import clear_unfinished
from vectune.errors import UsageError
from vectune.http.app import Lifespan, build_app
from vectune.http.background import Background
from vectune.http.body_room import BodyRoom
from vectune.http.connection import connections
from vectune.http.files import read_through
from vectune.http.garbage import kept_from_search
from vectune.http.limits import CallerLimits
from vectune.http.metrics import ServerMetrics
from vectune.http.services import Services
from vectune.http.token_table import read_token_table
from vectune.http.transfers import Transfers
from vectune.http.uploads import Uploads
from vectune.jobs.check_process import server_check
from vectune.jobs.database import Database
from vectune.jobs.files import FileStore
from vectune.jobs.graph_process import GraphProcess
from vectune.jobs.home import claim_home, make_home
from vectune.jobs.housekeeping import Housekeeping
from vectune.jobs.jobs import JobStore
from vectune.jobs.keys import KeyStore, open_keys
from vectune.jobs.models import ModelRegistry
from vectune.jobs.quotas import Usage
from vectune.jobs.retention import Retention
from vectune.jobs.supervisor import Supervisor
from vectune.jobs.worker import default_threads
from vectune.monitor.json_log import writing_log
from vectune.serve.default_model import DefaultModel
from vectune.serve.graphs import GraphMaker
from vectune.serve.models import ModelCache
from vectune.serve.opening import ModelOpener
from vectune.serve.queue import EmbeddingQueue
from vectune.serve.readiness import Readiness
from vectune.serve.remote_model import Calls
from vectune.serve.text_cache import TextCache
from vectune.serve.weights import weights_bytes

_GIB, _MIB = 1 << 30, 1 << 20
_LAST_WORDS_SECONDS = 3
_TURN_SECONDS = 10.0
"""How long an upload waits for its turn at most."""
_LATE, _LATE_SECONDS = 2.0, 60.0
"""A text may wait for `waiting_seconds`, and longer where the pace falls meanwhile: what answers within twice that and
another minute is late, and not away."""
_LOG = logging.getLogger("vectune.http")


def open_services(config: ServeConfig) -> Services:
    """The stores under the config's home, migrated, and an engine that is not started yet."""
    make_home(config.home)
    if config.upstream.url is not None:
        endpoint(config.remote)  # a key that is missing is said before anything else
    database = Database(config.database_url)
    claim_home(config.home, database)
    database.migrate()
    files = FileStore(database, config.files_root, server_check(config.worker))
    models = ModelRegistry(database, config.home, aliases=config.names, bases=(config.default_model,))
    texts = TextCache(int(config.text_cache_mib * _MIB))
    graphs = GraphMaker(GraphProcess(config.jobs.nice, config.jobs.threads or default_threads(), config.log))
    opener = ModelOpener(config.backend, config.remote_served, Calls(config.upstream.parallel), graphs.want)
    cache = ModelCache(opener, int(config.model_gib * _GIB), weights_bytes, texts.forget, config.waiting_tokens)
    metrics = ServerMetrics(config.names, config.batch_tokens)
    queue = EmbeddingQueue(config.batch_tokens, config.waiting_tokens, config.waiting_seconds, metrics.batch)
    default = DefaultModel(config.default_model, cache, queue, _LATE * config.waiting_seconds + _LATE_SECONDS)
    return Services(
        config=config,
        files=files,
        jobs=JobStore(database, models),
        models=models,
        cache=cache,
        queue=queue,
        readiness=Readiness(default.load, default.look),
        background=Background(),
        metrics=metrics,
        keys=KeyStore(database),
        limits=CallerLimits(Usage(database)),
        transfers=Transfers(config.uploads_at_once),
        uploads=Uploads(config.uploads_at_once, _TURN_SECONDS),
        bodies=BodyRoom(config.bodies_bytes, config.body_bytes),
        tokens=None if config.token_table is None else read_token_table(config.token_table),
        texts=texts,
        graphs=graphs,
    )


def running(
    services: Services, supervisor: Supervisor | None = None, housekeeping: Housekeeping | None = None
) -> Lifespan:
    """What a server starts before it listens and stops when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        services.queue.start()
        services.readiness.start()
        if services.graphs is not None:
            services.graphs.start(services.cache.renew)
        services.background.submit(lambda progress: clear_unfinished())
        await asyncio.to_thread(_read_on, services)
        if supervisor is not None:
            await asyncio.to_thread(supervisor.start)
        if housekeeping is not None:
            housekeeping.start()
        try:
            yield
        finally:
            await asyncio.to_thread(_stop, services, supervisor, housekeeping)

    return lifespan


def serve(config: ServeConfig, listening: Callable[[str], None]) -> None:
    """Run the service until it is told to stop; `listening` hears its URL as soon as it can be called.

    Raises UsageError when the address is taken, or is one that others reach while nobody needs a key, and what opening
    the stores raises.
    """
    if not config.is_loopback:
        _refuse_without_key(config)
    with _bound(config) as listener, writing_log(config.log):
        services = open_services(config)
        app = build_app(services, running(services, _supervisor(config), housekeeping_of(config, services)))
        url = f"http://{_shown(config.host)}:{listener.getsockname()[1]}"
        server = uvicorn.Server(
            uvicorn.Config(
                app, log_config=None, log_level="warning", access_log=False, server_header=False,
                http=connections(config.head_seconds), ws="none", timeout_graceful_shutdown=_LAST_WORDS_SECONDS,
            )
        )  # fmt: skip
        listening(url)
        _LOG.info("vectune %s serves %s", version("vectune"), url)
        with kept_from_search():
            server.run(sockets=[listener])


def _read_on(services: Services) -> None:
    """Files that a server before this one had not read through when it ended."""
    for name in services.files.unread():
        services.background.submit(partial(read_through, services.files, name))


def workers_config(config: ServeConfig) -> JobsConfig:
    """The settings of the workers; what runs the tuned models is the server's choice, where they name nothing else."""
    return config.worker.model_copy(update={"backend": config.jobs.backend or config.backend})


def _supervisor(config: ServeConfig) -> Supervisor:
    return Supervisor(
        config.home, config.database_url, config.files_root, config.workers, workers_config(config), config.log
    )


def housekeeping_of(config: ServeConfig, services: Services) -> Housekeeping:
    """What clears up the server's folder every so many hours; not started yet."""
    retention = Retention(Database(config.database_url), config.home, config.files_root, config.retention)

    def clear() -> None:
        done = retention.clear()
        done.log()
        services.cache.forget_gone()

    return Housekeeping(clear, config.retention.hours * 3600)


def _stop(services: Services, supervisor: Supervisor | None, housekeeping: Housekeeping | None) -> None:
    """Workers come first: their jobs are to be freed before whoever stops the server loses patience, however long it
    takes to clear something away."""
    _LOG.info("the server ends")
    services.readiness.stop()
    if supervisor is not None:
        supervisor.stop()
    if services.graphs is not None:
        services.graphs.close()
    services.queue.close()
    services.streams.close()
    services.transfers.close()
    services.limits.close()
    services.background.close()
    if housekeeping is not None:
        housekeeping.stop()


def _refuse_without_key(config: ServeConfig) -> None:
    """Whoever reached the address could use the service."""
    store = open_keys(config.home, config.database_url)
    try:
        if not store.any_valid():
            raise UsageError(
                f"Other machines reach {config.host}, and the service has no API key: only 127.0.0.1, ::1 and "
                "localhost can do without.",
                f"Make one: vectune keys create NAME --home {config.home}.",
            )
    finally:
        store.close()


def _bound(config: ServeConfig) -> socket.socket:
    try:
        listener = socket.create_server((config.host, config.port), family=_family(config.host), backlog=2048)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise UsageError(
            f"{config.host}:{config.port} can't be listened on: {why}.", "Name another port: --port 0 takes a free one."
        ) from error
    # Connections inherit it. Without it the body of an answer waits until the caller has confirmed the head, 40 ms on a
    # connection that is used again; asyncio sets it only for sockets that say their protocol, which this one does not.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
