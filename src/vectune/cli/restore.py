"""`vectune restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vectune.cli import parsing
from vectune.cli.options import ConfigFile, Debug, DryRun, Json, Settings, option, url_option
from vectune.cli.service_packages import service_packages
from vectune.cli.show import show, show_config
from vectune.config import ServeConfig
from vectune.config.jobs import FILES_VARIABLE
from vectune.config.load import load_config

NAME = "restore"
EXAMPLE = "vectune restore copies/monday --home service"


def command(
    backup: Annotated[Path, typer.Argument(help="Folder that `vectune backup` made.", show_default=False)],
    home: Annotated[Path | None, option(ServeConfig, "home", "--home")] = None,
    files: Annotated[str | None, url_option(ServeConfig, "files", FILES_VARIABLE)] = None,
    settings: Settings = None,
    config_file: ConfigFile = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Put a copy back into an empty home folder, after every byte of it was checked."""
    flags: dict[str, Any] = {"home": home, "files": files, **parsing.settings(settings)}
    config = load_config(ServeConfig, config_file, flags)
    if dry_run:
        show_config(config, as_json)
        return 0
    with service_packages():
        from vectune.jobs.backup import restore
    done = restore(backup, config.home, config.files_root)
    lines = [f"{done.num_files} files and {done.num_models} models are in {config.home}."]
    if not done.database:
        lines.append("The database was not among them: restore it by its own means before the server starts.")
    show({"home": str(config.home), **done.as_json()}, lines, as_json)
    return 0
