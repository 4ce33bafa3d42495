"""`vectune gc`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vectune.cli.main import main
from vectune.jobs.database import Database


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with leftovers of a job that the database does not know."""
    monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "home"
    database = Database(f"sqlite:///{folder / 'vectune.db'}")
    database.migrate()
    database.close()
    left = folder / "models" / f"ftjob-{'a' * 24}"
    left.mkdir(parents=True)
    (left / "weights").write_bytes(b"12345")
    return folder


NOW = ("--set", "retention.unknown_hours=0")


def test_dry_run_then_for_good(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What would go is listed and stays; forced, it goes."""
    arguments = ["gc", "--home", str(home), *NOW, "--force", "--json"]
    assert main([*arguments, "--dry-run"]) == 0
    would = json.loads(capsys.readouterr().out)
    assert (would["dry_run"], would["freed_bytes"]) == (True, 5)
    assert len(list((home / "models").iterdir())) == 1
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == would["removed"]
    assert list((home / "models").iterdir()) == []


def test_for_people(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without force the sentence says why it stays; with it a table says what went."""
    assert main(["gc", "--home", str(home), *NOW]) == 0
    shown = capsys.readouterr().out
    assert "0 bytes freed." in shown
    assert "--force" in shown
    assert main(["gc", "--home", str(home), *NOW, "--force"]) == 0
    shown = capsys.readouterr().out
    assert "model folder" in shown
    assert "5 bytes freed." in shown


def test_no_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without a service is an error, and nothing is made in it."""
    assert main(["gc", "--home", str(tmp_path / "none")]) == 1
    assert "no service" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
