"""The database that all stores share: SQLite in a file, or PostgreSQL by URL."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from vectune.errors import ConfigError, StorageError
from vectune.jobs.refusals import DatabaseAway

_BUSY_MS = 30_000
_MIGRATION_LOCK = 0x76656374756E65  # "vectune": any number does that no other program takes
_MIGRATIONS = Path(__file__).parent / "migrations"
_PLACE = frozenset({"host", "hostaddr", "port", "dbname", "service"})
"""What the query of a URL may say of where the database is. The rest says how it is called, and may be a password."""


class Database:
    """Connections to the database at `url`, which is `sqlite:///PATH` or `postgresql://...`.

    SQLite runs in WAL mode, so that readers never wait for a writer; a transaction that may write takes the write lock
    at its beginning, so that two of them never wait for one another. Raises ConfigError for another URL, StorageError
    when the database can't be reached.
    """

    def __init__(self, url: str) -> None:
        self._url = _known(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = _open(self._url)

    @property
    def url(self) -> str:
        """The URL for people: without its password, and without what its query says beside the place."""
        return shown(self._url)

    def migrate(self) -> None:
        """Bring the tables to the newest form; one process at a time does so, others wait for it."""
        from alembic import command
        from alembic.config import Config

        settings = Config()
        settings.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        with self._alone() as connection:
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")

    def is_current(self) -> bool:
        """Whether the tables have the newest form; nothing is changed."""
        from alembic.migration import MigrationContext
        from alembic.script import ScriptDirectory

        with self.session(write=False) as connection:
            found = MigrationContext.configure(connection).get_current_revision()
        return found == ScriptDirectory(str(_MIGRATIONS)).get_current_head()

    @contextmanager
    def session(self, *, write: bool = True) -> Iterator[Connection]:
        """A transaction: kept when the block ends well, taken back when it does not. `write=False` only reads."""
        try:
            with self._engine.connect() as connection:
                chosen = connection.execution_options(vectune_write=write)
                with chosen.begin():
                    yield chosen
        except SQLAlchemyError as error:
            raise _storage_error(self.url, error) from error

    def now(self, connection: Connection) -> float:
        """Seconds since 1970 by the database's clock, which several servers share."""
        if self.is_sqlite:
            return time.time()  # one machine: its clock is the database's
        return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def close(self) -> None:
        """Give every connection back."""
        self._engine.dispose()

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        if self.is_sqlite:
            assert self._url.database is not None
            path = Path(self._url.database)
            with path.with_name(path.name + ".migrating").open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                with self.session() as connection:
                    yield connection
        else:
            with self.session() as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
                yield connection


def shown(url: URL) -> str:
    """`url` as it may be told and written down: passwords can stand in its query too."""
    place = {name: value for name, value in url.query.items() if name in _PLACE}
    return url.set(query=place).render_as_string(hide_password=True)


def _known(url: str) -> URL:
    try:
        found = make_url(url)
    except ArgumentError as error:
        raise ConfigError(
            "The database URL can't be read.", "Give sqlite:///PATH or postgresql://HOST/NAME."
        ) from error
    if found.get_backend_name() == "postgresql":
        return found.set(drivername="postgresql+psycopg")
    if found.get_backend_name() == "sqlite" and found.database not in (None, "", ":memory:"):
        return found
    raise ConfigError(
        f"The database {shown(found)} is not one that vectune knows.",
        "Give sqlite:///PATH or postgresql://HOST/NAME.",
    )


def _open(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        return create_engine(url, pool_pre_ping=True)
    assert url.database is not None
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{url.database} could not be made: {error.strerror}.", "Name another folder.") from error
    engine = create_engine(url, connect_args={"timeout": _BUSY_MS / 1000})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # sqlite3 itself begins no transaction: `begin` below does
        for setting in ("journal_mode=WAL", f"busy_timeout={_BUSY_MS}", "foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("vectune_write", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _storage_error(url: str, error: SQLAlchemyError) -> StorageError:
    reason = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
    cut_off = isinstance(error, DBAPIError) and error.connection_invalidated
    away = cut_off or isinstance(error, OperationalError | InterfaceError)
    kind = DatabaseAway if away else StorageError
    return kind(f"The database {url} refused: {reason}", "Look whether it runs, and whether its disk has room.")
