"""Which database belongs to a home folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.jobs.conftest import Stores
from vectune.errors import ConfigError, NotFound, StorageError, UsageError
from vectune.jobs.database import Database
from vectune.jobs.home import CLAIM, claim_home, open_home


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
