"""`vectune runs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vectune.cli.options import Debug, Json
from vectune.cli.show import show

NAME = "runs"
EXAMPLE = "vectune runs first second"


def command(
    names: Annotated[
        list[str] | None, typer.Argument(help="Runs to compare: names or folders; none lists all.")
    ] = None,
    root: Annotated[Path, typer.Option("--root", help="Folder that holds the runs.")] = Path("runs"),
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """List the runs there are, newest first, or compare the ones named."""
    from vectune.cli.tables import runs_table
    from vectune.workflows.runs import list_and_compare

    report = list_and_compare(root, names or [])
    show(report.as_json(), [runs_table(report)], as_json)
    return 0
