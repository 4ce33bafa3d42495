"""The record of clearing up."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from vectune.errors import StorageError
from vectune.jobs.clearing import Clearing


def _folder(root: Path) -> Path:
    folder = root / "ftjob-1"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").write_bytes(b"12345")
    return folder


def test_folder_goes_whole(tmp_path: Path) -> None:
    """A folder is removed with all in it; its bytes are counted."""
    done = Clearing()
    done.take_folder("job folder", _folder(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert (done.bytes, done.counts) == (5, {"job folder": 1})


def test_dry_run_removes_nothing(tmp_path: Path) -> None:
    """The same is said, and everything is still there."""
    done = Clearing(dry_run=True)
    folder = _folder(tmp_path)
    done.take_folder("job folder", folder)
    assert folder.is_dir()
    assert done.as_json()["removed"] == [{"kind": "job folder", "name": "ftjob-1", "bytes": 5}]
    assert done.as_json()["dry_run"] is True


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), StorageError("Permission denied.")])
def test_what_can_not_be_removed_is_said(error: Exception) -> None:
    """A refusal of the system, or of a file store, is a sentence, not an end; nothing is counted as freed."""

    def refuse() -> None:
        raise error

    done = Clearing()
    done.take("unknown bytes", "a", 5, refuse)
    assert done.bytes == 0
    assert done.left == ["The unknown bytes a could not be removed: Permission denied."]


def test_more_unknown_than_known_stays() -> None:
    """What looks like the home of another database is not touched, unless it is forced."""
    careful = Clearing()
    assert careful.may_take("model folder", ["a"], 1)
    assert careful.left == []
    assert not careful.may_take("model folder", ["a", "b"], 1)
    assert "--force" in careful.left[0]
    assert Clearing(force=True).may_take("model folder", ["a", "b"], 0)


def test_log_tells_what_was_freed(caplog: pytest.LogCaptureFixture) -> None:
    """One line has the numbers; what somebody should look at is a warning."""
    done = Clearing(left=["Something was left."], missing=["model ft:a"])
    done.take("job folder", "ftjob-1", 7, lambda: None)
    with caplog.at_level(logging.INFO, "vectune.jobs.clearing"):
        done.log()
    first, *others = caplog.records
    assert (first.__dict__["freed_bytes"], first.__dict__["removed"]) == (7, {"job folder": 1})
    assert {record.levelname for record in others} == {"WARNING"}
    assert "ft:a" in caplog.text
