"""API keys, what was spent with each, and which key a job was made with."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String

revision = "0002"
down_revision = "0001"
_NUMBER = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    """Make the tables and the column."""
    op.create_table(
        "keys",
        Column("number", _NUMBER, primary_key=True, autoincrement=True),
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
    op.create_table(
        "usage",
        Column("key", String(64), ForeignKey("keys.id", ondelete="CASCADE"), primary_key=True),
        Column("day", Integer, primary_key=True),
        Column("tokens", BigInteger, nullable=False),
        Column("jobs", BigInteger, nullable=False),
    )
    op.add_column("jobs", Column("key", String(64)))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("jobs", "key")
    op.drop_table("usage")
    op.drop_table("keys")
