"""`vectune restore` where there is nothing to restore."""

from __future__ import annotations

from pathlib import Path

import pytest

from vectune.cli.main import main


def test_folder_that_is_no_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said what to name instead, and nothing is made."""
    assert main(["restore", str(tmp_path), "--home", str(tmp_path / "home")]) == 1
    assert "vectune backup" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_dry_run_shows_the_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The folder that would be restored into stands among the settings."""
    assert main(["restore", "copy", "--home", str(tmp_path / "home"), "--dry-run"]) == 0
    assert str(tmp_path / "home") in capsys.readouterr().out
