"""Files, jobs, their events and checkpoints, and tuned models."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, BigInteger, Column, Float, ForeignKey, Integer, String, UniqueConstraint

revision = "0001"
down_revision = None
_NUMBER = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _files()
    _jobs()
    _events()
    _models()


def downgrade() -> None:
    """Remove the tables."""
    for table in ("models", "checkpoints", "events", "jobs", "files"):
        op.drop_table(table)


def _files() -> None:
    op.create_table(
        "files",
        Column("number", _NUMBER, primary_key=True, autoincrement=True),
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


def _jobs() -> None:
    op.create_table(
        "jobs",
        Column("number", _NUMBER, primary_key=True, autoincrement=True),
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
        Column("hyperparameters", JSON, nullable=False),
        Column("suffix", String(64)),
        Column("seed", BigInteger),
        Column("metadata", JSON),
        Column("error", JSON),
        Column("result_files", JSON, nullable=False),
        Column("num_events", Integer, nullable=False),
        Column("worker", String),
        Column("lease_until", Float, nullable=False),
        Column("crashes", Integer, nullable=False),
    )


def _events() -> None:
    op.create_table(
        "events",
        Column("job", String(64), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        Column("seq", Integer, primary_key=True),
        Column("id", String(64), nullable=False, unique=True),
        Column("key", String, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("level", String(8), nullable=False),
        Column("message", String, nullable=False),
        Column("type", String(16), nullable=False),
        Column("data", JSON),
        UniqueConstraint("job", "key", name="events_job_key"),
    )
    op.create_table(
        "checkpoints",
        Column("id", String(64), primary_key=True),
        Column("job", String(64), ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
        Column("created_at", BigInteger, nullable=False),
        Column("step_number", Integer, nullable=False),
        Column("metrics", JSON, nullable=False),
        Column("model_name", String, nullable=False),
        UniqueConstraint("job", "step_number", name="checkpoints_job_step"),
    )


def _models() -> None:
    op.create_table(
        "models",
        Column("number", _NUMBER, primary_key=True, autoincrement=True),
        Column("id", String, nullable=False, unique=True),
        Column("project", String(64), nullable=False, index=True),
        Column("job", String(64), nullable=False, index=True),
        Column("step", Integer),
        Column("base", String, nullable=False),
        Column("location", String, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("dims", JSON, nullable=False),
    )
