"""The first step."""

from __future__ import annotations

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import inspect

from vectune.jobs.database import Database
from vectune.jobs.migrations.versions import v0001_first


def test_goes_there_and_back(tmp_path: Path) -> None:
    """The step makes five tables and can be taken back."""
    database = Database(f"sqlite:///{tmp_path / 'v.db'}")
    with database.session() as connection, Operations.context(MigrationContext.configure(connection)):
        v0001_first.upgrade()
        assert set(inspect(connection).get_table_names()) == {"files", "jobs", "events", "checkpoints", "models"}
        v0001_first.downgrade()
        assert inspect(connection).get_table_names() == []
