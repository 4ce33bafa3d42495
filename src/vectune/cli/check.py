"""`vectune check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from vectune.cli import parsing
from vectune.cli.console import watching
from vectune.cli.options import ConfigFile, Debug, DryRun, Json, Settings, argument, option
from vectune.cli.show import show, show_config
from vectune.config import CheckConfig, DataConfig
from vectune.config.load import load_config

NAME = "check"
EXAMPLE = "vectune check pairs.jsonl --out checked"


def command(
    path: Annotated[str | None, argument(CheckConfig, "path")] = None,
    out: Annotated[Path | None, option(CheckConfig, "out", "--out", "-o")] = None,
    base: Annotated[str | None, option(CheckConfig, "base", "--base")] = None,
    columns: Annotated[str | None, option(DataConfig, "columns", "--columns", metavar="ROLE=COLUMN,...")] = None,
    max_bad: Annotated[float | None, option(DataConfig, "max_bad", "--max-bad")] = None,
    settings: Settings = None,
    config_file: ConfigFile = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Read data, say what it is and what is wrong with it, and write the clean part."""
    flags: dict[str, Any] = {
        "path": path, "out": out, "base": base,
        "data.columns": parsing.columns(columns), "data.max_bad": max_bad,
        **parsing.settings(settings),
    }  # fmt: skip
    config = load_config(CheckConfig, config_file, flags)
    if dry_run:
        show_config(config, as_json)
        return 0
    from vectune.cli.tables import check_table
    from vectune.workflows.check import check_data

    with watching(quiet=as_json) as progress:
        reports = check_data(config, progress)
    content = {name: report.as_json() for name, report in reports.items()}
    single = next(iter(content.values())) if len(content) == 1 else {"splits": content}
    show(single, [check_table(report) for report in content.values()], as_json)
    return 0
