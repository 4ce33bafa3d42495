"""`vectune backup` and `vectune restore`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vectune.cli.main import main
from vectune.jobs.database import Database
from vectune.jobs.files import FileStore


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with a file."""
    folder = tmp_path / "home"
    database = Database(f"sqlite:///{folder / 'vectune.db'}")
    database.migrate()
    FileStore(database, str(folder / "files")).create("default", "a.txt", "user_data", iter([b"12345"]))
    database.close()
    return folder


def test_there_and_back(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A copy is made and restored elsewhere; both say what they hold."""
    copy, other = tmp_path / "copies" / "monday", tmp_path / "other"
    copy.parent.mkdir()
    assert main(["backup", "--home", str(home), "--out", str(copy), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["num_files"], made["num_models"], made["database"], made["missing"]) == (1, 0, True, [])
    assert main(["restore", str(copy), "--home", str(other)]) == 0
    assert "1 files and 0 models" in capsys.readouterr().out
    database = Database(f"sqlite:///{other / 'vectune.db'}")
    (file,) = FileStore(database, str(other / "files")).list("default").data
    assert (file.filename, file.bytes) == ("a.txt", 5)
    database.close()


def test_no_place_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A copy without a place is asked wrongly."""
    assert main(["backup", "--home", str(home)]) == 2
    assert "--out" in capsys.readouterr().err


def test_restore_over_something(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A home that is in use is not written over."""
    assert main(["backup", "--home", str(home), "--out", str(tmp_path / "copy")]) == 0
    assert main(["restore", str(tmp_path / "copy"), "--home", str(home)]) == 1
    assert "not empty" in capsys.readouterr().err
