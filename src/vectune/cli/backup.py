"""`vectune backup`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vectune.cli import parsing
from vectune.cli.options import ConfigFile, Debug, DryRun, Json, Settings, option, url_option
from vectune.cli.service_packages import service_packages
from vectune.cli.show import show, show_config
from vectune.config import ServeConfig
from vectune.config.jobs import DATABASE_VARIABLE, FILES_VARIABLE
from vectune.config.load import load_config
from vectune.errors import UsageError

NAME = "backup"
EXAMPLE = "vectune backup --home service --out copies/monday"


def command(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="New folder for the copy.")] = None,
    home: Annotated[Path | None, option(ServeConfig, "home", "--home")] = None,
    database: Annotated[str | None, url_option(ServeConfig, "database", DATABASE_VARIABLE)] = None,
    files: Annotated[str | None, url_option(ServeConfig, "files", FILES_VARIABLE)] = None,
    settings: Settings = None,
    config_file: ConfigFile = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Copy a service's database, files and models, also while it runs; `vectune restore` brings them back."""
    flags: dict[str, Any] = {"home": home, "database": database, "files": files, **parsing.settings(settings)}
    config = load_config(ServeConfig, config_file, flags)
    if dry_run:
        show_config(config, as_json)
        return 0
    if out is None:
        raise UsageError("There is no place for the copy.", "Name a new folder: --out FOLDER.")
    with service_packages():
        from vectune.jobs.backup import back_up
        from vectune.jobs.home import open_home
    opened = open_home(config.home, config.database_url)
    try:
        done = back_up(opened, config.home, config.files_root, out.absolute())
    finally:
        opened.close()
    lines = [f"{done.num_files} files and {done.num_models} models, {done.bytes:,} bytes, are in {out}."]
    if not done.database:
        lines.append("The database is not among them: copy it by its own means (pg_dump), before this.")
    lines += [f"Missing, though the database has it: {name}." for name in done.missing]
    show({"out": str(out), **done.as_json()}, lines, as_json)
    return 0
