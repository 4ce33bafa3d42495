"""The tables: what the newest migration makes of an empty database."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Float, ForeignKey, Integer, MetaData, String, Table, UniqueConstraint

metadata = MetaData()
_Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up integers alone
_Json = JSON(none_as_null=True)

files = Table(
    "files",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("project", String(64), nullable=False, index=True),
    Column("filename", String, nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("status", String(16), nullable=False),
    Column("status_details", String),
    Column("location", String, nullable=False),
)
"""`location` is the path of the bytes under the root of the file store."""

jobs = Table(
    "jobs",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("project", String(64), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("status", String(20), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("estimated_finish", BigInteger),
    Column("model", String, nullable=False),
    Column("base", String, nullable=False),
    Column("fine_tuned_model", String),
    Column("trained_tokens", BigInteger),
    Column("training_file", String(64), nullable=False),
    Column("validation_file", String(64)),
    Column("hyperparameters", _Json, nullable=False),
    Column("suffix", String(64)),
    Column("seed", BigInteger),
    Column("metadata", _Json),
    Column("error", _Json),
    Column("result_files", _Json, nullable=False),
    Column("num_events", Integer, nullable=False),
    Column("worker", String),
    Column("lease_until", Float, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("key", String(64)),
)
"""`worker` holds the job until `lease_until` (seconds since 1970 by the database's clock). `crashes` counts how often a
worker took the job and was gone before anything new was known of it. `key` is the API key that it was made with."""

events = Table(
    "events",
    metadata,
    Column("job", String(64), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("key", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("level", String(8), nullable=False),
    Column("message", String, nullable=False),
    Column("type", String(16), nullable=False),
    Column("data", _Json),
    UniqueConstraint("job", "key", name="events_job_key"),
)
"""`seq` counts the events of a job from 1 without a gap; `key` says what an event is about: a job has it once."""

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("job", String(64), ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("step_number", Integer, nullable=False),
    Column("metrics", _Json, nullable=False),
    Column("model_name", String, nullable=False),
    UniqueConstraint("job", "step_number", name="checkpoints_job_step"),
)

models = Table(
    "models",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("project", String(64), nullable=False, index=True),
    Column("job", String(64), nullable=False, index=True),
    Column("step", Integer),
    Column("base", String, nullable=False),
    Column("location", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("dims", _Json, nullable=False),
)
"""Tuned models and checkpoints of them (`step` is None for the model itself); `location` lies under the home folder."""

keys = Table(
    "keys",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("project", String(64), nullable=False),
    Column("name", String, nullable=False),
    Column("salt", String(64), nullable=False),
    Column("hash", String(128), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("requests_a_minute", BigInteger),
    Column("tokens_a_minute", BigInteger),
    Column("jobs_at_once", BigInteger),
    Column("jobs_a_day", BigInteger),
    Column("tokens_in_all", BigInteger),
)
"""API keys, of which `hash` (salted, both in hex) is all that is kept. Rows stay when a key is revoked."""

usage = Table(
    "usage",
    metadata,
    Column("key", String(64), ForeignKey("keys.id", ondelete="CASCADE"), primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("tokens", BigInteger, nullable=False),
    Column("jobs", BigInteger, nullable=False),
)
"""What was done with a key on a day (counted from 1970, UTC): tokens embedded, jobs made."""
