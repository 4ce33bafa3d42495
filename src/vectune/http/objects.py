"""Files, jobs, events, checkpoints and models as OpenAI's clients know them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from vectune.jobs.files import StoredFile
from vectune.jobs.job import Event, Job, JobCheckpoint
from vectune.jobs.models import ServedModel
from vectune.jobs.page import Page

T = TypeVar("T")
_OWN_HYPERPARAMETERS = ("n_epochs", "batch_size", "learning_rate_multiplier")


def list_object(page: Page[T], show: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """A page of a list."""
    data = [show(entry) for entry in page.data]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": page.has_more,
    }


def file_object(file: StoredFile) -> dict[str, Any]:
    """A file."""
    shown = {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created_at,
        "filename": file.filename,
        "purpose": file.purpose,
        "status": file.status,
        "status_details": file.status_details,
    }
    return shown if file.expires_at is None else shown | {"expires_at": file.expires_at}


def job_object(job: Job) -> dict[str, Any]:
    """A fine-tuning job."""
    given = {**dict.fromkeys(_OWN_HYPERPARAMETERS, "auto"), **job.hyperparameters}
    return {
        "id": job.id,
        "object": "fine_tuning.job",
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "estimated_finish": job.estimated_finish,
        "model": job.model,
        "fine_tuned_model": job.fine_tuned_model,
        "organization_id": job.project,
        "status": job.status,
        "trained_tokens": job.trained_tokens,
        "training_file": job.training_file,
        "validation_file": job.validation_file,
        "hyperparameters": {name: given[name] for name in _OWN_HYPERPARAMETERS},
        "method": {"type": "supervised", "supervised": {"hyperparameters": given}},
        "result_files": list(job.result_files),
        "seed": job.seed or 0,
        "metadata": _plain(job.metadata),
        "error": _plain(job.error),
        "integrations": [],
    }


def event_object(event: Event) -> dict[str, Any]:
    """Something that happened to a job."""
    return {
        "id": event.id,
        "object": "fine_tuning.job.event",
        "created_at": event.created_at,
        "level": event.level,
        "message": event.message,
        "type": event.type,
        "data": _plain(event.data),
    }


def checkpoint_object(job: str) -> Callable[[JobCheckpoint], dict[str, Any]]:
    """What shows a checkpoint of `job`."""

    def show(checkpoint: JobCheckpoint) -> dict[str, Any]:
        return {
            "id": checkpoint.id,
            "object": "fine_tuning.job.checkpoint",
            "created_at": checkpoint.created_at,
            "fine_tuned_model_checkpoint": checkpoint.model_name,
            "fine_tuning_job_id": job,
            "step_number": checkpoint.step_number,
            "metrics": dict(checkpoint.metrics),
        }

    return show


def model_object(model: ServedModel) -> dict[str, Any]:
    """A model."""
    return {"id": model.id, "object": "model", "created": model.created_at, "owned_by": model.owned_by}


def _plain(mapping: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if mapping is None else dict(mapping)
