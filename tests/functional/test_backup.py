"""A service that is copied and restored on an empty folder answers as before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
from starlette.testclient import TestClient

from tests.fakes.word_rows import labelled_texts
from tests.functional.command_line import run_here
from tests.unit.jobs.test_running import QUICK, never
from vectune.config import ServeConfig
from vectune.http.app import build_app
from vectune.http.start import open_services, running
from vectune.jobs.database import Database
from vectune.jobs.files import FileStore
from vectune.jobs.leases import Leases
from vectune.jobs.running import Workshop, run_job

MODEL = "text-embedding-3-small"
TEXTS = ["red1 cat2", "sun3 dog4 red5", "cat6"]


@contextmanager
def _service(home: Path, model: Path) -> Iterator[openai.OpenAI]:
    """The service over `home` in this process, and the client that calls it."""
    config = ServeConfig(home=home, default_model=str(model), aliases={MODEL: str(model)}, backend="torch")
    services = open_services(config)
    with TestClient(build_app(services, running(services)), base_url="http://127.0.0.1/v1") as http:
        yield openai.OpenAI(base_url="http://127.0.0.1/v1", api_key="none", http_client=http, max_retries=0)


def _work(home: Path, client: openai.OpenAI) -> str:
    """Tune on a file of labelled texts, as a worker does; the job's id."""
    rows = "".join(json.dumps(row) + "\n" for row in labelled_texts(8)).encode()
    file = client.files.create(file=("rows.jsonl", rows), purpose="fine-tune")
    name = client.fine_tuning.jobs.create(model=MODEL, training_file=file.id, hyperparameters={"n_epochs": 1}).id
    config = ServeConfig(home=home)
    database = Database(config.database_url)
    leases = Leases(database, "worker")
    job = leases.take()
    assert job is not None
    run_job(job, Workshop(home, FileStore(database, config.files_root), leases, QUICK, lambda: False, never))
    database.close()
    return name


def _seen(client: openai.OpenAI, job: str) -> dict[str, object]:
    """Everything that a client can see of a service with one job."""
    found = client.fine_tuning.jobs.retrieve(job)
    assert found.status == "succeeded", found.error
    return {
        "models": [model.id for model in client.models.list()],
        "files": [file.model_dump() for file in client.files.list()],
        "job": found.model_dump(),
        "events": [event.model_dump() for event in client.fine_tuning.jobs.list_events(job)],
        "results": [client.files.content(name).read() for name in found.result_files],
        "vectors": {
            name: [entry.embedding for entry in client.embeddings.create(model=name, input=TEXTS).data]
            for name in (MODEL, job, str(found.fine_tuned_model))
        },
    }


def test_restored_service_answers_as_before(tmp_path: Path, tiny_model_folder: Path) -> None:
    """Copied while it runs and restored elsewhere, it has the same models, files, events and results, and its tuned
    model gives the same vectors, bit for bit."""
    with _service(tmp_path / "home", tiny_model_folder) as client:
        job = _work(tmp_path / "home", client)
        before = _seen(client, job)
        made = run_here("backup", "--home", tmp_path / "home", "--out", tmp_path / "copy", "--json")
        assert made.json["missing"] == []
        client.models.delete(job)
    assert run_here("restore", tmp_path / "copy", "--home", tmp_path / "new").status == 0
    with _service(tmp_path / "new", tiny_model_folder) as client:
        assert _seen(client, job) == before
