"""The command `vectune`: puts the subcommands together and turns errors into sentences and exit statuses."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

import typer
from rich.console import Console
from typer.exceptions import TyperException

from vectune.cli import backup, check, demo, encode, evaluate, export, gc, keys, restore, runs, serve, tune
from vectune.errors import CapacityError, Interrupted, StorageError, UsageError, VectuneError

_STOPPED = 130


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
modules = (check, tune, evaluate, encode, export, serve, keys, gc, backup, restore, runs, demo)
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
    """Run one command and give back its exit status; every error is a sentence with a hint, never a traceback."""
    given = list(arguments) or ["--help"]
    try:
        status = app(given, prog_name="vectune", standalone_mode=False)
    except VectuneError as error:
        return _report(error, given)
    except TyperException as error:
        return _report(_asked_wrongly(error, given), given)
    except BrokenPipeError:
        return _reader_left()
    except (Exception, KeyboardInterrupt) as error:
        return _report(_translated(error), given)
    if status == _STOPPED:  # typer takes Ctrl-C and leaves with this number
        Console(stderr=True).print("Stopped.")
    return status if isinstance(status, int) else 0


def _asked_wrongly(error: TyperException, arguments: Sequence[str]) -> UsageError:
    """What typer found wrong with the arguments."""
    told = getattr(error, "format_message", lambda: str(error))()
    command = next((name for name in arguments if name in {module.NAME for module in modules}), "")
    return UsageError(told, f"`{' '.join(['vectune', *command.split()])} --help` shows what there is.")


def _translated(error: BaseException) -> VectuneError:
    """An error that nobody raised on purpose, as one of ours."""
    if isinstance(error, KeyboardInterrupt):
        return Interrupted("Stopped.")
    if type(error).__name__ == "OutOfMemoryError":  # torch's, which is not loaded for its name's sake
        return CapacityError(
            "The memory of the GPU is used up.", "Give shorter texts (--max-tokens), a smaller base, or --method lora."
        )
    if isinstance(error, MemoryError):
        return CapacityError("The memory of this machine is used up.", "Give fewer rows, or use a larger machine.")
    if isinstance(error, OSError) and error.filename:
        why = error.strerror or type(error).__name__
        return StorageError(f"{error.filename} can't be used: {why}.", "Name another path, or change its permissions.")
    told = " ".join(f"{type(error).__name__}: {error}".split())
    return VectuneError(
        f"Something unforeseen went wrong ({told}).", "Run it again with --debug and report what it shows."
    )


def _reader_left() -> int:
    """Whoever read our output has gone (`vectune ... | head`): leave quietly, with nothing left to flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _report(error: VectuneError, arguments: Sequence[str]) -> int:
    if "--debug" in arguments:
        Console(stderr=True).print_exception()
    if "--json" in arguments:
        content = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
        print(json.dumps(content, ensure_ascii=False))
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    console.print(f"error: {error.message}")
    if error.hint:
        console.print(f"\nhint: {error.hint}")
    return error.exit_status
