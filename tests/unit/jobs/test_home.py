"""Which database belongs to a home folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.jobs.conftest import Stores
from vectune.errors import ConfigError, NotFound, StorageError, UsageError
from vectune.jobs.database import Database
from vectune.jobs.home import CLAIM, claim_home, make_home, open_home


def _sqlite(path: Path) -> str:
    return f"sqlite:///{path}"


def test_home_as_a_server_left_it(stores: Stores) -> None:
    """The database of a home is opened as it is, claimed or not."""
    stores.home.mkdir(exist_ok=True)
    for claimed in (False, True):
        if claimed:
            claim_home(stores.home, stores.database)
        opened = open_home(stores.home, stores.url)
        assert opened.is_current()
        opened.close()


def test_nothing_is_made_where_no_service_is(tmp_path: Path) -> None:
    """A folder without a service is told, and stays as it is."""
    with pytest.raises(NotFound, match="no service"):
        open_home(tmp_path / "home", _sqlite(tmp_path / "home" / "vectune.db"))
    assert list(tmp_path.iterdir()) == []


def test_database_of_another_home(tmp_path: Path) -> None:
    """A folder that a server uses with one database is not opened with another: all in it would look left over."""
    first, second = Database(_sqlite(tmp_path / "first.db")), Database(_sqlite(tmp_path / "second.db"))
    first.migrate()
    second.migrate()
    claim_home(tmp_path, first)
    with pytest.raises(UsageError, match="belongs to"):
        open_home(tmp_path, _sqlite(tmp_path / "second.db"))
    with pytest.raises(UsageError, match="belongs to"):
        claim_home(tmp_path, second)
    (tmp_path / CLAIM).unlink()
    claim_home(tmp_path, second)
    open_home(tmp_path, _sqlite(tmp_path / "second.db")).close()


def test_claim_tells_no_password(tmp_path: Path) -> None:
    """The file names the database without its user and password."""
    claim_home(tmp_path, Database("postgresql://someone:hunter2@localhost/x"))
    text = (tmp_path / CLAIM).read_text(encoding="utf-8")
    assert "localhost" in text
    assert "hunter2" not in text
    assert "someone" not in text


def test_form_of_another_version(tmp_path: Path) -> None:
    """A database that this version would have to migrate is left to the server."""
    with Database(_sqlite(tmp_path / "vectune.db")).session():
        pass
    with pytest.raises(StorageError, match="another version"):
        open_home(tmp_path, _sqlite(tmp_path / "vectune.db"))


def test_url_that_is_none(tmp_path: Path) -> None:
    """A database that vectune does not know is refused as everywhere."""
    with pytest.raises(ConfigError):
        open_home(tmp_path, "mysql://localhost/x")


def test_home_that_was_moved(tmp_path: Path) -> None:
    """A folder with its database inside may be moved, and is reached through a link."""
    home = tmp_path / "old"
    database = Database(_sqlite(home / "vectune.db"))
    database.migrate()
    claim_home(home, database)
    database.close()
    moved = home.rename(tmp_path / "new")
    (tmp_path / "link").symlink_to(moved)
    for place in (moved, tmp_path / "link"):
        opened = open_home(place, _sqlite(place / "vectune.db"))
        assert opened.is_current()
        opened.close()


def test_claim_tells_no_password_of_the_query(tmp_path: Path) -> None:
    """Drivers take passwords in the query too: neither the file nor a sentence has it; the place of the socket does."""
    url = "postgresql://me@/x?host=/run/here&password=hunter2&sslpassword=hunter3&passfile=/secret"
    database = Database(url)
    claim_home(tmp_path, database)
    with pytest.raises(UsageError) as refused:
        claim_home(tmp_path, Database("postgresql:///x?host=/run/there&password=hunter4"))
    for text in ((tmp_path / CLAIM).read_text(encoding="utf-8"), str(refused.value), database.url):
        assert "here" in text
        assert "hunter" not in text
        assert "secret" not in text


def test_claim_of_an_older_version_holds(tmp_path: Path) -> None:
    """It had the whole query: the folder still belongs to its database, and what should not stand there goes."""
    written = '{"database": "postgresql+psycopg://db/x?password=hunter2&sslmode=require"}'
    (tmp_path / CLAIM).write_text(written, encoding="utf-8")
    claim_home(tmp_path, Database("postgresql://me@db/x?sslmode=require"))
    assert "hunter2" not in (tmp_path / CLAIM).read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="belongs to"):
        claim_home(tmp_path, Database("postgresql://db/y"))


def test_new_home_is_its_owners_alone(tmp_path: Path) -> None:
    """A folder that is made is closed to all others, whatever the umask; one that is there stays as it is."""
    before = os.umask(0)
    try:
        make_home(tmp_path / "a" / "home")
    finally:
        os.umask(before)
    assert (tmp_path / "a" / "home").stat().st_mode & 0o777 == 0o700
    (tmp_path / "a" / "home").chmod(0o750)
    make_home(tmp_path / "a" / "home")
    assert (tmp_path / "a" / "home").stat().st_mode & 0o777 == 0o750
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="can't be used"):
        make_home(tmp_path / "file")
