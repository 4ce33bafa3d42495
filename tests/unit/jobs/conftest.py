"""The stores over a fresh database and folder, and a file to tune with."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

from tests.fakes.word_rows import Row, labelled_texts
from vectune.jobs.database import Database
from vectune.jobs.files import FileStore, StoredFile
from vectune.jobs.hyperparameters import check
from vectune.jobs.job import Job, NewJob
from vectune.jobs.jobs import JobStore
from vectune.jobs.leases import Leases
from vectune.jobs.models import ModelRegistry

POSTGRES = "VECTUNE_TEST_POSTGRES"
PROJECT = "default"
ALIAS = "text-embedding-3-small"


@dataclass(frozen=True)
class Stores:
    """All stores of one home folder."""

    home: Path
    url: str
    database: Database
    files: FileStore
    models: ModelRegistry
    jobs: JobStore

    def upload(self, rows: list[Row] | None = None, name: str = "rows.jsonl") -> StoredFile:
        """A file to tune with."""
        content = "".join(json.dumps(row) + "\n" for row in rows or labelled_texts(8)).encode()
        return self.files.create(PROJECT, name, "fine-tune", iter([content]))

    def job(self, rows: list[Row] | None = None, **settings: object) -> Job:
        """A job in the queue over a file of its own, with hyperparameters."""
        return self.jobs.create(PROJECT, NewJob(ALIAS, self.upload(rows).id, hyperparameters=check(settings)))

    def leases(self, worker: str = "worker", seconds: float = 20.0) -> Leases:
        """A worker's hold on jobs."""
        return Leases(self.database, worker, seconds)

    def keys(self, job: str) -> list[str]:
        """Keys of the job's events, oldest first."""
        return list(self.leases().known_events(job))


@pytest.fixture
def stores(tmp_path: Path, tiny_model_folder: Path) -> Iterator[Stores]:
    """Stores over SQLite, or over PostgreSQL where VECTUNE_TEST_POSTGRES has its URL; the alias is the tiny model."""
    url = _new_database(os.environ.get(POSTGRES)) or f"sqlite:///{tmp_path / 'home' / 'vectune.db'}"
    database = Database(url)
    database.migrate()
    home = tmp_path / "home"
    models = ModelRegistry(database, home, aliases={ALIAS: str(tiny_model_folder)})
    files = FileStore(database, str(home / "files"))
    yield Stores(home, url, database, files, models, JobStore(database, models))
    database.close()


def _new_database(server: str | None) -> str | None:
    """The URL of a fresh database on the server."""
    if server is None:
        return None
    name = f"vectune_{uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return str(make_url(server).set(database=name).render_as_string(hide_password=False))
