"""Migrations and tables can't part."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from vectune.jobs.database import Database
from vectune.jobs.schema import metadata


def test_migrated_database_is_the_schema(tmp_path: Path) -> None:
    """The newest migration leaves the tables that the code works with, and migrating again changes nothing."""
    database = Database(f"sqlite:///{tmp_path / 'v.db'}")
    database.migrate()
    database.migrate()
    with database.session() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
