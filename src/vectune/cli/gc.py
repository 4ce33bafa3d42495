"""`vectune gc`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from vectune.cli import parsing
from vectune.cli.options import ConfigFile, Debug, Json, Settings, option, url_option
from vectune.cli.service_packages import service_packages
from vectune.cli.show import show
from vectune.config import ServeConfig
from vectune.config.jobs import DATABASE_VARIABLE, FILES_VARIABLE
from vectune.config.load import load_config

if TYPE_CHECKING:
    from vectune.jobs.clearing import Clearing

NAME = "gc"
EXAMPLE = "vectune gc --home service --dry-run"


def command(
    home: Annotated[Path | None, option(ServeConfig, "home", "--home")] = None,
    database: Annotated[str | None, url_option(ServeConfig, "database", DATABASE_VARIABLE)] = None,
    files: Annotated[str | None, url_option(ServeConfig, "files", FILES_VARIABLE)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Remove also more than the database knows, as after its loss.")
    ] = False,
    settings: Settings = None,
    config_file: ConfigFile = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Remove what the service does not need any more: expired files, leftovers of crashes, work of jobs that are over.

    It may run beside servers and workers, which do the same by themselves every few hours.
    """
    flags: dict[str, Any] = {"home": home, "database": database, "files": files, **parsing.settings(settings)}
    config = load_config(ServeConfig, config_file, flags)
    done = _clear(config, dry_run, force)
    show(done.as_json(), [*_lines(done)], as_json)
    return 0


def _clear(config: ServeConfig, dry_run: bool, force: bool) -> Clearing:
    with service_packages():
        from vectune.jobs.home import open_home
        from vectune.jobs.retention import Retention
    database = open_home(config.home, config.database_url)
    try:
        retention = Retention(database, config.home, config.files_root, config.retention)
        return retention.clear(dry_run=dry_run, force=force)
    finally:
        database.close()


def _lines(done: Clearing) -> list[Table | str]:
    table = Table("kind", "things", "bytes", box=None)
    for kind, number in done.counts.items():
        size = sum(each.bytes for each in done.gone if each.kind == kind)
        table.add_row(kind, str(number), f"{size:,}")
    verb = "would be freed" if done.dry_run else "freed"
    lines: list[Table | str] = [table] if done.gone else []
    lines.append(f"{done.bytes:,} bytes {verb}.")
    lines += done.left
    if done.missing:
        lines.append(f"Not on the disk, though the database has them: {', '.join(done.missing)}.")
    return lines
