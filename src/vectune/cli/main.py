"""The command `vectune`: puts the subcommands together and turns errors into sentences and exit statuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import typer
from rich.console import Console

from vectune.cli import check, demo, encode, evaluate, runs, tune
from vectune.errors import VectuneError


def _leave_with(status: object, **_: object) -> None:
    """A command's number becomes the exit status."""
    raise typer.Exit(status if isinstance(status, int) else 0)


app = typer.Typer(
    name="vectune",
    result_callback=_leave_with,
    help="Fit a text-embedding model to your domain, and say honestly whether it is better.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
modules = (check, tune, evaluate, encode, runs, demo)
for module in modules:
    app.command(module.NAME, epilog=f"Example: [bold]{module.EXAMPLE}[/bold]")(module.command)


@app.callback()
def _main() -> None:
    """Fit a text-embedding model to your domain, and say honestly whether it is better."""


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process: 0 done, 1 failed, 2 asked wrongly, 3 do not ship, 4 undecided."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(main(given))


def main(arguments: Sequence[str]) -> int:
    """Run one command and give back its exit status."""
    try:
        app(list(arguments))
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except KeyboardInterrupt:
        Console(stderr=True).print("Stopped.")
        return 130
    except VectuneError as error:
        return _report(error, arguments)
    return 0


def _report(error: VectuneError, arguments: Sequence[str]) -> int:
    if "--debug" in arguments:
        Console(stderr=True).print_exception()
    elif "--json" in arguments:
        content = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
        print(json.dumps(content, ensure_ascii=False))
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    console.print(f"error: {error.message}")
    if error.hint:
        console.print(f"\nhint: {error.hint}")
    return error.exit_status
