"""`/v1/fine-tunes`: the interface before fine_tuning.jobs, over the same jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from vectune.http.answer import answer
from vectune.http.body import read_json
from vectune.http.documents import documented
from vectune.http.jobs import create_job, most_job_bytes
from vectune.http.objects import file_object, list_object
from vectune.http.services import Project, Services, Who, Work
from vectune.http.shapes import LegacyList, LegacyRequest
from vectune.http.streams import EventStream
from vectune.jobs.files import StoredFile
from vectune.jobs.hyperparameters import UNUSED, check
from vectune.jobs.job import OVER, Event, Job, NewJob

KIND = "fine-tune"
_STATUS = {
    "validating_files": "pending",
    "queued": "pending",
    "paused": "pending",
    "pausing": "running",
}
_HYPERPARAMETERS = ("n_epochs", "batch_size", "learning_rate_multiplier")
_LOOK_SECONDS = 1.0
_SILENCE_SECONDS = 15.0
_END = b"data: [DONE]\n\n"

router = APIRouter(prefix="/v1/fine-tunes")


@router.post("", openapi_extra=documented(LegacyRequest))
async def create(request: Request, work: Work, caller: Who) -> Response:
    """Put a job into the queue."""
    asked = await read_json(request, LegacyRequest, most_job_bytes(work), work.bodies.one_of(caller.project))
    given = {name: value for name in (*_HYPERPARAMETERS, *UNUSED) if (value := getattr(asked, name)) is not None}
    new = NewJob(
        model=asked.model,
        training_file=asked.training_file,
        validation_file=asked.validation_file,
        hyperparameters=check(given, "", legacy=True),
        path="",
        suffix=asked.suffix,
        kind=KIND,
        key=caller.key,
    )
    job = await asyncio.to_thread(create_job, work, caller.project, new)
    return answer(await asyncio.to_thread(_with_events, work, caller.project, job))


@router.get("")
def show_all(work: Work, project: Project, asked: Annotated[LegacyList, Query()]) -> Response:
    """The project's jobs of this interface, newest first."""
    found = work.jobs.list(project, after=asked.after, limit=asked.limit, kind=KIND)
    files = work.files.known(project, {name for job in found.data for name in _names(job)})
    return answer(list_object(found, partial(_shown, files)))


@router.get("/{name}")
def retrieve(name: str, work: Work, project: Project) -> Response:
    """One job with its events."""
    return answer(_with_events(work, project, work.jobs.get(project, name)))


@router.post("/{name}/cancel")
def cancel(name: str, work: Work, project: Project) -> Response:
    """End a job."""
    return answer(_with_events(work, project, work.jobs.cancel(project, name)))


@router.get("/{name}/events")
def events(name: str, work: Work, project: Project, stream: Annotated[bool, Query()] = False) -> Response:
    """What happened to a job, oldest first; with `stream` as server-sent events until the job is over."""
    found = work.jobs.events_since(project, name, 0)
    if stream:
        return EventStream(_stream(work, project, name), work.streams, project)
    return answer({"object": "list", "data": [_event(event) for event in found]})


async def _stream(work: Services, project: str, name: str) -> AsyncIterator[bytes]:
    """Events as they come, and a comment now and then so that a silent line is known to be alive."""
    seq, silent = 0, 0.0
    while True:
        job, found = await work.streams.look(partial(_news, work, project, name, seq))
        for event in found:
            seq, silent = event.seq, 0.0
            yield b"data: " + orjson.dumps(_event(event)) + b"\n\n"
        if job.status in OVER:
            yield _END
            return
        if silent >= _SILENCE_SECONDS:
            silent = 0.0
            yield b": still there\n\n"
        await asyncio.sleep(_LOOK_SECONDS)
        silent += _LOOK_SECONDS


def _news(work: Services, project: str, name: str, seq: int) -> tuple[Job, tuple[Event, ...]]:
    """The job, and what happened to it since `seq`: in this order, so that a job that is over has told everything."""
    return work.jobs.get(project, name), work.jobs.events_since(project, name, seq)


def _with_events(work: Services, project: str, job: Job) -> dict[str, Any]:
    shown = [_event(event) for event in work.jobs.events_since(project, job.id, 0)]
    return _shown(work.files.known(project, _names(job)), job) | {"events": shown}


def _names(job: Job) -> set[str]:
    """The ids of all files of a job."""
    return {name for name in (job.training_file, job.validation_file, *job.result_files) if name is not None}


def _shown(files: Mapping[str, StoredFile], job: Job) -> dict[str, Any]:
    """A job with those of its `files` that are still there."""

    def objects(*names: str | None) -> list[dict[str, Any]]:
        return [file_object(files[name]) for name in names if name is not None and name in files]

    return {
        "id": job.id,
        "object": KIND,
        "model": job.model,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "fine_tuned_model": job.fine_tuned_model,
        "hyperparams": {name: job.hyperparameters.get(name, "auto") for name in _HYPERPARAMETERS},
        "organization_id": job.project,
        "result_files": objects(*job.result_files),
        "status": _STATUS.get(job.status, job.status),
        "training_files": objects(job.training_file),
        "validation_files": objects(job.validation_file),
        "error": None if job.error is None else dict(job.error),
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "object": "fine-tune-event",
        "created_at": event.created_at,
        "level": event.level,
        "message": event.message,
    }
