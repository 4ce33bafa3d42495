"""`vectune serve` as far as it goes without serving."""

from __future__ import annotations

import ast
import tomllib

import pytest

from vectune.cli.main import main
from vectune.cli.serve_example import example


def test_dry_run_shows_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    """Flags and `--set` reach the settings, nested ones too."""
    arguments = ["--port", "9", "--set", "jobs.nice=3", "--set", "aliases.ada=some/model", "--dry-run"]
    assert main(["serve", *arguments]) == 0
    shown = tomllib.loads(capsys.readouterr().out)
    assert (shown["port"], shown["jobs"]["nice"], shown["aliases"]) == (9, 3, {"ada": "some/model"})


def test_example_is_for_this_server() -> None:
    """The address stands in both sessions, and the Python one is Python."""
    shown = example("http://127.0.0.1:9/v1")
    assert shown.count("http://127.0.0.1:9/v1") == 2
    assert "BASE_URL" not in shown
    ast.parse(shown.split("```python\n")[1].split("```")[0])


def test_urls_from_the_environment(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """They may hold passwords, which must not stand among the arguments; what stands there goes before them."""
    monkeypatch.setenv("VECTUNE_DATABASE", "postgresql://db/x")
    monkeypatch.setenv("VECTUNE_FILES", "s3://bucket")
    assert main(["serve", "--dry-run"]) == 0
    shown = tomllib.loads(capsys.readouterr().out)
    assert (shown["database"], shown["files"]) == ("postgresql://db/x", "s3://bucket")
    assert main(["serve", "--dry-run", "--files", "here", "--set", "database=sqlite:///y"]) == 0
    shown = tomllib.loads(capsys.readouterr().out)
    assert (shown["database"], shown["files"]) == ("sqlite:///y", "here")
