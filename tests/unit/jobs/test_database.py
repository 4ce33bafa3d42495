"""The database: which URLs it takes, transactions, and migrations under a lock."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from vectune.errors import ConfigError, StorageError
from vectune.jobs.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    found = Database(f"sqlite:///{tmp_path / 'a' / 'v.db'}")
    found.migrate()
    return found


@pytest.mark.parametrize("url", ["mysql://localhost/x", "no url", "sqlite://", "sqlite:///:memory:"])
def test_other_urls_are_refused(url: str) -> None:
    """A URL of another database, or of one that ends with the process, is refused with those that are taken."""
    with pytest.raises(ConfigError) as refused:
        Database(url)
    assert "sqlite:///PATH" in refused.value.hint


def test_password_is_never_shown() -> None:
    """What is told of a URL that can't be used has no password."""
    with pytest.raises(ConfigError) as refused:
        Database("mysql://me:secret@localhost/x")
    assert "secret" not in refused.value.message
    assert "secret" not in Database("postgresql://me:secret@localhost/x").url


def test_sqlite_is_set_up(database: Database) -> None:
    """SQLite writes ahead, waits for others, and keeps references whole."""
    with database.session() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "foreign_keys": 1}


def test_failed_transaction_is_taken_back(database: Database) -> None:
    """A block that raises leaves nothing behind."""

    def fail() -> None:
        with database.session() as connection:
            connection.execute(text("CREATE TABLE t (x INTEGER)"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.session(write=False) as connection:
        assert not inspect(connection).has_table("t")


def test_refusal_of_the_database_is_ours(database: Database) -> None:
    """What the database refuses becomes a StorageError."""
    with pytest.raises(StorageError), database.session() as connection:
        connection.execute(text("SELECT * FROM nothing"))


def test_many_migrate_at_once(tmp_path: Path) -> None:
    """Several that start together migrate one after another, and all find the tables."""
    url = f"sqlite:///{tmp_path / 'v.db'}"
    failures: list[BaseException] = []

    def start() -> None:
        try:
            Database(url).migrate()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with Database(url).session(write=False) as connection:
        assert inspect(connection).has_table("jobs")


def test_writers_wait_for_one_another(database: Database) -> None:
    """Threads that read and then write in one transaction all get through, and none overwrites another."""
    with database.session() as connection:
        connection.execute(text("CREATE TABLE t (x INTEGER)"))
        connection.execute(text("INSERT INTO t VALUES (0)"))

    def count() -> None:
        for _ in range(10):
            with database.session() as connection:
                found = connection.execute(text("SELECT x FROM t")).scalar_one()
                connection.execute(text("UPDATE t SET x = :x"), {"x": found + 1})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.session(write=False) as connection:
        assert connection.execute(text("SELECT x FROM t")).scalar_one() == 40
