"""`/v1/fine_tuning/jobs`, asked by the official client; no worker runs, so that jobs stay where they are put."""

from __future__ import annotations

import time

import openai
import pytest

from tests.unit.http.conftest import MODEL
from vectune.http.services import Services
from vectune.jobs.event_log import NewEvent, append
from vectune.jobs.schema import checkpoints

Hyper = dict[str, object]


def _method(**hyperparameters: object) -> dict[str, object]:
    return {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}


def test_create_and_retrieve(client: openai.OpenAI, file_id: str) -> None:
    """A job has all that was asked for, and `auto` for the rest."""
    made = client.fine_tuning.jobs.create(
        model=MODEL, training_file=file_id, validation_file=file_id, suffix="desk", seed=7, metadata={"team": "a"}
    )
    job = client.fine_tuning.jobs.retrieve(made.id)
    assert job.id.startswith("ftjob-")
    assert (job.object, job.model, job.training_file, job.validation_file) == (
        "fine_tuning.job",
        MODEL,
        file_id,
        file_id,
    )
    assert job.status in ("validating_files", "queued")  # by whether the server has read the file through by now
    assert (job.seed, job.metadata, job.result_files) == (7, {"team": "a"}, [])
    assert (job.error, job.finished_at, job.fine_tuned_model, job.trained_tokens) == (None, None, None, None)
    assert job.hyperparameters.n_epochs == job.hyperparameters.batch_size == "auto"


@pytest.mark.parametrize("inside", [True, False])
def test_hyperparameters_at_both_places(client: openai.OpenAI, file_id: str, inside: bool) -> None:
    """They are taken from `method.supervised` and from the older place, and shown at both."""
    given = {"n_epochs": 3, "batch_size": 8, "learning_rate_multiplier": 0.5}
    place: Hyper = {"method": _method(**given)} if inside else {"hyperparameters": given}
    job = client.fine_tuning.jobs.create(model=MODEL, training_file=file_id, **place)  # type: ignore[arg-type]
    assert (job.hyperparameters.n_epochs, job.hyperparameters.batch_size) == (3, 8)
    assert job.method is not None
    assert job.method.supervised is not None
    assert job.method.supervised.hyperparameters is not None
    assert job.method.supervised.hyperparameters.learning_rate_multiplier == 0.5


def test_methods_of_ours(client: openai.OpenAI, file_id: str) -> None:
    """`method` and `dimensions` travel beside the reference's hyperparameters and come back."""
    method = _method(n_epochs="auto", method="lora", dimensions=[32, 16])
    job = client.fine_tuning.jobs.create(model=MODEL, training_file=file_id, method=method)  # type: ignore[arg-type]
    shown = job.to_dict()["method"]["supervised"]["hyperparameters"]  # type: ignore[index]
    assert (shown["method"], shown["dimensions"]) == ("lora", [32, 16])


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"method": _method(zap=1)}, "method.supervised.hyperparameters.zap"),
        ({"method": _method(n_epochs=-1)}, "method.supervised.hyperparameters.n_epochs"),
        ({"hyperparameters": {"zap": 1}}, "hyperparameters.zap"),
        ({"hyperparameters": {"n_epochs": 1}, "method": _method(n_epochs=1)}, "hyperparameters"),
        ({"method": {"type": "dpo", "dpo": {}}}, "method.type"),
        ({"zap": 1}, "zap"),
        ({"suffix": "x" * 65}, "suffix"),
        ({"seed": -1}, "seed"),
        ({"metadata": {str(n): "v" for n in range(17)}}, "metadata"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"integrations": [{"type": "wandb", "wandb": {"project": "x"}}]}, "integrations"),
    ],
    ids=str,
)
def test_what_can_not_be_used_is_refused(client: openai.OpenAI, file_id: str, body: Hyper, param: str) -> None:
    """Unknown keys and wrong values are refused with their path, and no job is made."""
    with pytest.raises(openai.BadRequestError) as refused:
        client.fine_tuning.jobs.create(model=MODEL, training_file=file_id, extra_body=body)
    assert refused.value.param == param
    assert client.fine_tuning.jobs.list().data == []


def test_unknown_model_and_file(client: openai.OpenAI, file_id: str) -> None:
    """A model or file that does not exist ends the request, not the job."""
    with pytest.raises(openai.NotFoundError) as missing:
        client.fine_tuning.jobs.create(model="no-model", training_file=file_id)
    assert missing.value.code == "model_not_found"
    for field in ("training_file", "validation_file"):
        with pytest.raises(openai.NotFoundError) as missing:
            client.fine_tuning.jobs.create(model=MODEL, **{"training_file": file_id, field: "file-none"})
        assert (missing.value.code, missing.value.param) == ("not_found", field)


def test_list_and_metadata(client: openai.OpenAI, file_id: str) -> None:
    """Newest first, page by page; `metadata` narrows the list, `null` to jobs without any."""
    made = [
        client.fine_tuning.jobs.create(model=MODEL, training_file=file_id, metadata=metadata).id
        for metadata in ({"team": "a"}, {"team": "b"}, {"team": "a", "run": "2"}, None)
    ]
    jobs = client.fine_tuning.jobs
    assert [job.id for job in jobs.list(limit=3)] == made[::-1]
    assert [job.id for job in jobs.list(metadata={"team": "a"})] == [made[2], made[0]]
    assert [job.id for job in jobs.list(metadata=None, extra_query={"metadata": "null"})] == [made[3]]


def test_pause_resume_cancel(client: openai.OpenAI, file_id: str) -> None:
    """Only the allowed edges are taken; each leaves an event, newest first."""
    jobs = client.fine_tuning.jobs
    job = jobs.create(model=MODEL, training_file=file_id)
    assert jobs.pause(job.id).status == "paused"
    with pytest.raises(openai.BadRequestError, match="paused"):
        jobs.pause(job.id)
    assert jobs.resume(job.id).status in ("validating_files", "queued")  # by what the server has read by now
    cancelled = jobs.cancel(job.id)
    assert cancelled.status == "cancelled"
    assert cancelled.finished_at is not None
    for turn in (jobs.cancel, jobs.pause, jobs.resume):
        with pytest.raises(openai.BadRequestError):
            turn(job.id)
    first, *_, last = jobs.list_events(job.id)
    assert (first.object, first.level, first.type) == ("fine_tuning.job.event", "info", "message")
    assert "cancelled" in first.message
    assert job.id in last.message


async def test_async_client(async_client: openai.AsyncOpenAI, file_id: str) -> None:
    """The asynchronous client does the same round."""
    jobs = async_client.fine_tuning.jobs
    job = await jobs.create(model=MODEL, training_file=file_id)
    assert (await jobs.pause(job.id)).status == "paused"
    assert (await jobs.resume(job.id)).status in ("validating_files", "queued")
    assert (await jobs.cancel(job.id)).status == "cancelled"
    assert (await jobs.retrieve(job.id)).id == job.id
    assert [found.id async for found in jobs.list()] == [job.id]
    assert len([event async for event in jobs.list_events(job.id, limit=1)]) >= 4
    assert [checkpoint async for checkpoint in jobs.checkpoints.list(job.id)] == []


def test_events_and_checkpoints(client: openai.OpenAI, services: Services, file_id: str) -> None:
    """Events page by page without gap or double, metrics with their data; checkpoints by the name that embeds."""
    job = client.fine_tuning.jobs.create(model=MODEL, training_file=file_id)
    with services.jobs._database.session() as connection:
        for step in range(25):
            append(
                connection, job.id, NewEvent(f"s{step}", f"Step {step}", "info", "metrics", {"step": step}), time.time()
            )
        row = {"id": "ftckpt_1", "job": job.id, "created_at": 5, "step_number": 10, "metrics": {"step": 10}}
        connection.execute(checkpoints.insert().values(row | {"model_name": "ft:a:b::c:ckpt-step-10"}))
    found = [event.data["step"] for event in client.fine_tuning.jobs.list_events(job.id, limit=7) if event.data]  # type: ignore[index]
    assert found == list(range(25))[::-1]
    (checkpoint,) = client.fine_tuning.jobs.checkpoints.list(job.id)
    assert checkpoint.fine_tuned_model_checkpoint == "ft:a:b::c:ckpt-step-10"
    assert (checkpoint.fine_tuning_job_id, checkpoint.step_number, checkpoint.metrics.step) == (job.id, 10, 10)


def test_jobs_that_do_not_exist(client: openai.OpenAI) -> None:
    """Every path of a job that is none is a 404."""
    jobs = client.fine_tuning.jobs
    for ask in (jobs.retrieve, jobs.cancel, jobs.pause, jobs.resume, jobs.list_events, jobs.checkpoints.list):
        with pytest.raises(openai.NotFoundError):
            ask("ftjob-none")
