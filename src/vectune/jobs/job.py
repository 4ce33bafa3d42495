"""A job and what belongs to it, as values; and how a job may go from one status to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row

VALIDATING, QUEUED, RUNNING = "validating_files", "queued", "running"
PAUSING, PAUSED = "pausing", "paused"
SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"
OVER = frozenset({SUCCEEDED, FAILED, CANCELLED})
"""Statuses that a job never leaves."""
EDGES: Mapping[str, frozenset[str]] = {
    VALIDATING: frozenset({QUEUED, PAUSED, FAILED, CANCELLED}),
    QUEUED: frozenset({RUNNING, PAUSED, FAILED, CANCELLED}),
    RUNNING: frozenset({PAUSING, SUCCEEDED, FAILED, CANCELLED}),
    PAUSING: frozenset({PAUSED, SUCCEEDED, FAILED, CANCELLED}),
    PAUSED: frozenset({VALIDATING, QUEUED, CANCELLED}),
    SUCCEEDED: frozenset(),
    FAILED: frozenset(),
    CANCELLED: frozenset(),
}
"""Status to those that may follow it."""
JOB_KINDS: Mapping[str, str] = {"fine_tuning.job": "ftjob-", "fine-tune": "ft-"}
"""Kind of a job to the prefix of its id: today's interface, and the one before it."""


@dataclass(frozen=True)
class NewJob:
    """What a client asks for; `hyperparameters` have been through `hyperparameters.check`, and stood at `path` in the
    request.

    `key` is the id of the API key that it was asked with.
    """

    model: str
    training_file: str
    validation_file: str | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    suffix: str | None = None
    seed: int | None = None
    metadata: Mapping[str, str] | None = None
    kind: str = "fine_tuning.job"
    key: str | None = None
    path: str = "hyperparameters"


@dataclass(frozen=True)
class Job:
    """A job as it stands; times are whole seconds since 1970. `base` is the model that `model` was found to be;
    `models.base_place` says where it lies.

    `error` is None or has `code`, `message` and `param`.
    """

    id: str
    project: str
    kind: str
    created_at: int
    updated_at: int
    finished_at: int | None
    estimated_finish: int | None
    model: str
    base: str
    fine_tuned_model: str | None
    status: str
    trained_tokens: int | None
    training_file: str
    validation_file: str | None
    hyperparameters: Mapping[str, Any]
    suffix: str | None
    seed: int | None
    metadata: Mapping[str, str] | None
    error: Mapping[str, Any] | None
    result_files: tuple[str, ...]


@dataclass(frozen=True)
class Event:
    """Something that happened to a job. `seq` counts from 1 without a gap; `level` is info, warn or error; `type` is
    message or metrics."""

    id: str
    created_at: int
    level: str
    message: str
    type: str
    data: Mapping[str, Any] | None
    seq: int


@dataclass(frozen=True)
class JobCheckpoint:
    """A model from the middle of a job, by the name that embeds with it."""

    id: str
    created_at: int
    step_number: int
    metrics: Mapping[str, Any]
    model_name: str


def job_from(row: Row[Any]) -> Job:
    """The job in a row of the table."""
    content = row._mapping
    values = {name: content[name] for name in Job.__dataclass_fields__}
    return Job(**values | {"result_files": tuple(content["result_files"])})


def event_from(row: Row[Any]) -> Event:
    """The event in a row of the table."""
    return Event(**{name: row._mapping[name] for name in Event.__dataclass_fields__})


def checkpoint_from(row: Row[Any]) -> JobCheckpoint:
    """The checkpoint in a row of the table."""
    return JobCheckpoint(**{name: row._mapping[name] for name in JobCheckpoint.__dataclass_fields__})
