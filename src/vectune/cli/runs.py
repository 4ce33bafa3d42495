"""`vectune runs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from vectune.cli import parsing
from vectune.cli.options import ConfigFile, Debug, DryRun, Json, Settings, argument, option
from vectune.cli.show import show, show_config
from vectune.config import RunsConfig
from vectune.config.load import load_config

NAME = "runs"
EXAMPLE = "vectune runs first second"


def command(
    names: Annotated[list[str] | None, argument(RunsConfig, "names")] = None,
    root: Annotated[Path | None, option(RunsConfig, "root", "--root")] = None,
    settings: Settings = None,
    config_file: ConfigFile = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """List the runs there are, newest first, or compare the ones named."""
    flags: dict[str, Any] = {"names": names or None, "root": root, **parsing.settings(settings)}
    config = load_config(RunsConfig, config_file, flags)
    if dry_run:
        show_config(config, as_json)
        return 0
    from vectune.cli.tables import runs_table
    from vectune.workflows.runs import list_and_compare

    report = list_and_compare(config.root, config.names)
    show(report.as_json(), [runs_table(report)], as_json)
    return 0
