"""`/v1/fine-tunes`, asked by vectune's client; no worker runs."""

from __future__ import annotations

import threading
import time
from typing import Any

import openai
import pytest
import sqlalchemy
from starlette.testclient import TestClient

from tests.unit.http.conftest import MODEL, ROWS
from vectune.client import OpenAI
from vectune.http.services import Services


@pytest.fixture
def client(http: TestClient) -> OpenAI:
    """vectune's client in place of the official one."""
    return OpenAI(base_url="http://127.0.0.1/v1", http_client=http, max_retries=0)


def test_round(client: OpenAI, file_id: str) -> None:
    """Create, retrieve, list, cancel: the shapes that older scripts look at."""
    made = client.fine_tunes.create(training_file=file_id, model=MODEL, n_epochs=4, learning_rate_multiplier=0.1)
    assert made.id.startswith("ft-")
    assert (made.object, made.status, made.model) == ("fine-tune", "pending", MODEL)
    assert made.hyperparams == {"n_epochs": 4, "batch_size": "auto", "learning_rate_multiplier": 0.1}
    assert [file["id"] for file in made.training_files] == [file_id]
    assert made.events[0].object == "fine-tune-event"
    assert client.fine_tunes.get(id=made.id).id == client.fine_tunes.retrieve(made.id).id == made.id
    assert [job.id for job in client.fine_tunes.list().data] == [made.id]
    assert client.fine_tunes.cancel(made.id).status == "cancelled"
    assert "cancelled" in client.fine_tunes.events(made.id).data[-1].message


def test_jobs_of_both_interfaces_are_one(client: OpenAI, file_id: str) -> None:
    """A job of the older interface can be retrieved by the newer one; the older list holds its own alone."""
    older = client.fine_tunes.create(training_file=file_id, model=MODEL)
    newer = client.fine_tuning.jobs.create(training_file=file_id, model=MODEL)
    assert client.fine_tuning.jobs.retrieve(older.id).id == older.id
    assert client.fine_tunes.get(newer.id).status == "pending"
    assert [job.id for job in client.fine_tunes.list().data] == [older.id]


def test_paused_job_is_pending(client: OpenAI, file_id: str) -> None:
    """Statuses that the older interface does not know become ones that it does."""
    job = client.fine_tunes.create(training_file=file_id, model=MODEL)
    client.fine_tuning.jobs.pause(job.id)
    assert client.fine_tunes.get(job.id).status == "pending"


def test_stream_ends_with_the_job(http: TestClient, client: OpenAI, file_id: str) -> None:
    """Server-sent events: what happened, what happens meanwhile, and an end when the job is over."""
    job = client.fine_tunes.create(training_file=file_id, model=MODEL)

    def cancel() -> None:
        time.sleep(0.4)
        client.fine_tunes.cancel(job.id)

    thread = threading.Thread(target=cancel)
    thread.start()
    messages = [event.message for event in client.fine_tunes.stream_events(job.id)]
    thread.join()
    assert messages == [event.message for event in client.fine_tunes.events(job.id).data]
    raw = http.get(f"fine-tunes/{job.id}/events?stream=true")
    assert raw.headers["content-type"].startswith("text/event-stream")
    assert raw.text.endswith("data: [DONE]\n\n")


def test_settings_of_text_completion_have_no_effect(client: OpenAI, file_id: str) -> None:
    """What older scripts set for completion is taken; a word that never was one is refused."""
    job = client.fine_tunes.create(
        training_file=file_id, model=MODEL, prompt_loss_weight=0.01, compute_classification_metrics=True
    )
    assert job.status == "pending"
    answer = client._client.post(
        "http://127.0.0.1/v1/fine-tunes", json={"training_file": file_id, "model": MODEL, "zap": 1}
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "zap"


@pytest.mark.parametrize(
    ("name", "value"), [("n_epochs", 0), ("batch_size", 1_000_000), ("learning_rate_multiplier", -1.0)]
)
def test_wrong_value_is_named_as_the_request_has_it(client: OpenAI, file_id: str, name: str, value: float) -> None:
    """Hyperparameters stand at the top here: that is their path, in the sentence too."""
    with pytest.raises(openai.BadRequestError) as refused:
        client.fine_tunes.create(training_file=file_id, model=MODEL, **{name: value})
    assert refused.value.param == name
    assert f"`{name}`" in refused.value.message


def test_deleted_files_are_left_out(client: OpenAI, file_id: str) -> None:
    """A job whose file was deleted after its end can still be looked at."""
    job = client.fine_tunes.create(training_file=file_id, model=MODEL)
    client.fine_tunes.cancel(job.id)
    client.files.delete(file_id)
    assert client.fine_tunes.get(job.id).training_files == []


def test_pages(client: OpenAI, file_id: str) -> None:
    """The list says whether there is more, and goes on after a job; without a limit it has all."""
    made = [client.fine_tunes.create(training_file=file_id, model=MODEL).id for _ in range(3)]
    first = client.fine_tunes.list(limit=2)
    assert ([job.id for job in first.data], first.has_more) == (made[:0:-1], True)
    rest = client.fine_tunes.list(limit=2, after=first.data[-1].id)
    assert ([job.id for job in rest.data], rest.has_more) == (made[:1], False)
    whole = client.fine_tunes.list()
    assert ([job.id for job in whole.data], whole.has_more) == (made[::-1], False)
    with pytest.raises(openai.NotFoundError):
        client.fine_tunes.list(after="ft-none")
    with pytest.raises(openai.BadRequestError):
        client.fine_tunes.list(limit=0)


def _read_through(services: Services, name: str) -> None:
    """Wait for the server to have read the file: it asks the database meanwhile."""
    until = time.monotonic() + 60
    while services.files.get("default", name).status == "uploaded":
        assert time.monotonic() < until
        time.sleep(0.02)


def test_files_of_all_jobs_are_asked_for_at_once(client: OpenAI, services: Services) -> None:
    """However many jobs are listed, the database is asked as often as for one; each job has its own files."""
    asked: list[str] = []

    def hear(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        asked.append(statement)

    def listed() -> int:
        asked.clear()
        found = client.fine_tunes.list().data
        assert [job.training_files[0]["id"] for job in found] == files[::-1]
        return len(asked)

    sqlalchemy.event.listen(services.files._database._engine, "before_cursor_execute", hear)
    files: list[str] = []
    counts = []
    for number in range(3):
        files.append(client.files.create(file=(f"{number}.txt.jsonl", ROWS), purpose="fine-tune").id)
        client.fine_tunes.create(training_file=files[-1], model=MODEL)
        _read_through(services, files[-1])
        counts.append(listed())
    assert counts == [counts[0]] * 3
