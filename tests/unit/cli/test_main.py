from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
import typer

from vectune.cli.main import app, main
from vectune.errors import DataError, Interrupted, VectuneError


@contextmanager
def _command(error: BaseException | None = None, status: int | None = None) -> Iterator[str]:
    """A command that fails, or ends with a number, as long as the block lasts."""

    def command(debug: bool = False, as_json: bool = typer.Option(False, "--json")) -> int | None:
        if error is not None:
            raise error
        return status

    app.command("probe")(command)
    try:
        yield "probe"
    finally:
        app.registered_commands.pop()


@pytest.mark.parametrize("status", [0, 3, 4])
def test_number_of_a_command_is_the_exit_status(status: int) -> None:
    """What a command gives back is what the process ends with."""
    with _command(status=status) as name:
        assert main([name]) == status


_FAILURES: list[tuple[BaseException, int, str, str]] = [
    (DataError("This is bad.", "Mend it."), 1, "This is bad.", "data_error"),
    (VectuneError("No hint."), 1, "No hint.", "vectune_error"),
    (Interrupted("Stopped at step 3 of 9.", "Go on."), 130, "Stopped at step 3 of 9.", "interrupted"),
    (MemoryError(), 1, "memory", "capacity_error"),
    (torch.OutOfMemoryError("CUDA out of memory."), 1, "memory of the GPU", "capacity_error"),
    (PermissionError(13, "Permission denied", "/secret/file"), 1, "/secret/file can't be used", "storage_error"),
    (ZeroDivisionError("division\nby zero"), 1, "ZeroDivisionError: division by zero", "vectune_error"),
]


@pytest.mark.parametrize(
    ("error", "status", "found", "code"), _FAILURES, ids=[type(row[0]).__name__ for row in _FAILURES]
)
def test_errors_are_sentences(
    error: BaseException, status: int, found: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each error is one line on standard error, one object with --json, and a traceback with --debug alone."""
    with _command(error) as name:
        assert main([name]) == status
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.splitlines()[0].startswith("error: ")
        assert found in told.err.splitlines()[0]
        assert "Traceback" not in told.err
        assert main([name, "--json"]) == status
        content = json.loads(capsys.readouterr().out)["error"]
        assert (content["code"], found in content["message"]) == (code, True)
        assert main([name, "--debug"]) == status
        assert "Traceback" in capsys.readouterr().err


def test_unforeseen_error_asks_for_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    """A fault of ours says how to see more of it."""
    with _command(KeyError("weights")) as name:
        main([name])
    assert "hint: Run it again with --debug" in capsys.readouterr().err


def test_ctrl_c_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C in a command that saves nothing ends with 130 and one word."""
    with _command(KeyboardInterrupt()) as name:
        assert main([name]) == 130
    assert capsys.readouterr().err == "Stopped.\n"


def test_reader_that_leaves_is_no_error() -> None:
    """A pipe closed by its reader ends the command without a word, also when Python flushes at exit."""
    program = "import sys; from vectune.cli.main import run; sys.stdout.close = None; run(['tune', '--help'])"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", program], stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert b"Traceback" not in done.stderr
    assert b"error" not in done.stderr
