"""`/v1/fine_tuning/jobs`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from vectune.http.answer import answer
from vectune.http.body import read_json
from vectune.http.documents import documented
from vectune.http.errors import RequestRefused
from vectune.http.models import find_model
from vectune.http.objects import checkpoint_object, event_object, job_object, list_object
from vectune.http.services import Project, Services, Who, Work
from vectune.http.shapes import CheckpointList, JobList, JobRequest
from vectune.jobs.hyperparameters import check
from vectune.jobs.job import Job, NewJob

_TOP = "hyperparameters"
_INNER = "method.supervised.hyperparameters"
_MOST_BYTES = 1 << 20

router = APIRouter(prefix="/v1/fine_tuning/jobs")


@router.post("", openapi_extra=documented(JobRequest))
async def create(request: Request, work: Work, caller: Who) -> Response:
    """Put a job into the queue."""
    asked = await read_json(request, JobRequest, most_job_bytes(work), work.bodies.one_of(caller.project))
    given, path = _hyperparameters(asked)
    new = NewJob(
        model=asked.model,
        training_file=asked.training_file,
        validation_file=asked.validation_file,
        hyperparameters=check(given, path),
        suffix=asked.suffix,
        seed=asked.seed,
        metadata=asked.metadata,
        key=caller.key,
        path=path,
    )
    return answer(job_object(await asyncio.to_thread(create_job, work, caller.project, new)))


@router.get("")
def show_all(request: Request, work: Work, project: Project, asked: Annotated[JobList, Query()]) -> Response:
    """The project's jobs, newest first; `metadata[KEY]=VALUE` keeps those that have it."""
    query = request.query_params
    wanted = {key[9:-1]: value for key, value in query.items() if key.startswith("metadata[") and key.endswith("]")}
    found = work.jobs.list(
        project, after=asked.after, limit=asked.limit, metadata=wanted or None,
        without_metadata=query.get("metadata") == "null",
    )  # fmt: skip
    return answer(list_object(found, job_object))


@router.get("/{name}")
def retrieve(name: str, work: Work, project: Project) -> Response:
    """One job."""
    return answer(job_object(work.jobs.get(project, name)))


@router.post("/{name}/cancel")
def cancel(name: str, work: Work, project: Project) -> Response:
    """End a job."""
    return answer(job_object(work.jobs.cancel(project, name)))


@router.post("/{name}/pause")
def pause(name: str, work: Work, project: Project) -> Response:
    """Stop a job so that it can go on."""
    return answer(job_object(work.jobs.pause(project, name)))


@router.post("/{name}/resume")
def resume(name: str, work: Work, project: Project) -> Response:
    """Go on with a paused job."""
    return answer(job_object(work.jobs.resume(project, name)))


@router.get("/{name}/events")
def events(name: str, work: Work, project: Project, asked: Annotated[JobList, Query()]) -> Response:
    """What happened to a job, newest first."""
    return answer(list_object(work.jobs.events(project, name, after=asked.after, limit=asked.limit), event_object))


@router.get("/{name}/checkpoints")
def checkpoints(name: str, work: Work, project: Project, asked: Annotated[CheckpointList, Query()]) -> Response:
    """The models from the middle of a job, newest first."""
    found = work.jobs.checkpoints(project, name, after=asked.after, limit=asked.limit)
    return answer(list_object(found, checkpoint_object(name)))


def create_job(work: Services, project: str, new: NewJob) -> Job:
    """Put `new` into the queue; ModelUnknown when there is no such model."""
    find_model(work.models, project, new.model)
    return work.jobs.create(project, new)


def most_job_bytes(work: Services) -> int:
    """How large a job's body may be: it holds names and numbers."""
    return min(work.config.body_bytes, _MOST_BYTES)


def _hyperparameters(asked: JobRequest) -> tuple[Mapping[str, Any], str]:
    """Those of `method.supervised`, or the older ones at the top, and where they stand."""
    inner = asked.method.supervised.hyperparameters if asked.method and asked.method.supervised else None
    if inner and asked.hyperparameters:
        raise RequestRefused(f"Hyperparameters stand under `{_TOP}` and under `{_INNER}`.", "Give one.", param=_TOP)
    return (inner, _INNER) if inner else (asked.hyperparameters or {}, _TOP)
