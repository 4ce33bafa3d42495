"""The home folder as commands beside the server find it: which database belongs to it, and that it is in order."""

from __future__ import annotations

from pathlib import Path

import orjson
from sqlalchemy import URL, make_url

from vectune.errors import NotFound, StorageError, UsageError
from vectune.jobs.database import Database, shown
from vectune.store.atomic import write_bytes
from vectune.store.run_folder import read_json

CLAIM = "vectune.json"
"""The file in the home folder that names its database, so that no command takes what lies there for the leftovers of
another."""
_PRIVATE = 0o700


def make_home(home: Path) -> None:
    """Make the folder of a service unless it is there. A new one is for its owner alone: uploaded texts and hashes of
    keys lie in it. One that is there stays as open as its owner made it.

    Raises StorageError when it can't be made.
    """
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=_PRIVATE, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{home} can't be used: {error.strerror}.", "Name another folder: --home.") from error


def claim_home(home: Path, database: Database) -> None:
    """Write down that the home folder belongs to `database`, as the server does when it starts.

    Raises UsageError when it belongs to another.
    """
    refuse_foreign(home, database)
    name = _name(home, database)
    if _claimed(home) != name:
        write_bytes(home / CLAIM, orjson.dumps({"database": name}) + b"\n")


def open_home(home: Path, url: str) -> Database:
    """The database at `url`, which a server made and keeps for `home`; nothing is made and nothing migrated.

    Raises NotFound where no service has been, UsageError when the folder belongs to another database, StorageError when
    the database has the form of another version.
    """
    path = _file_of(url)
    if path is not None and not path.is_file():
        raise NotFound(
            f"There is no service at {home}: {path} is not there.",
            "Name its folder (--home) and its database (--database) as for `vectune serve`.",
        )
    database = Database(url)
    refuse_foreign(home, database)
    if not database.is_current():
        raise StorageError(
            f"The database {database.url} has the form of another version of vectune.",
            "Start this version's server once, which brings it up to date, or use the version that made it.",
        )
    return database


def refuse_foreign(home: Path, database: Database) -> None:
    """Raise UsageError when the home folder belongs to another database."""
    name, claimed = _name(home, database), _claimed(home)
    if claimed is not None and (owner := _place(claimed)) != name:
        raise UsageError(
            f"{home} belongs to the database {owner}, not to {name}.",
            f"Give the settings that its server has (--database, --config); if it has moved, remove {home / CLAIM}.",
        )


def _name(home: Path, database: Database) -> str:
    """What the database is called in the claim: by its place in the folder, so that the folder may be moved, or else by
    its URL without who calls it."""
    path = _file_of(database.url)
    if path is None:
        return _place(database.url)
    inside, root = path.resolve(), home.resolve()
    return inside.relative_to(root).as_posix() if inside.is_relative_to(root) else str(inside)


def _place(name: str) -> str:
    """A name in a claim, without who calls the database and how: older versions wrote that down too."""
    if "://" not in name:
        return name
    url = make_url(name)
    return shown(URL.create(url.drivername, None, None, url.host, url.port, url.database, url.query))


def _file_of(url: str) -> Path | None:
    """The file of a SQLite database; None for others, and for URLs that Database refuses in words of its own."""
    if not url.startswith("sqlite:"):
        return None
    named = make_url(url).database
    return Path(named) if named else None


def _claimed(home: Path) -> str | None:
    found = (read_json(home / CLAIM) or {}).get("database")
    return found if isinstance(found, str) else None
