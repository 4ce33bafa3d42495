from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.run_folder import write_run_folder
from vectune.errors import NotFound, StorageError
from vectune.store.run_folder import default_run_folder, list_runs, read_json, read_run, run_folders, run_name

NOW = datetime(2026, 11, 21, 10, 15, 0)


def test_summary_has_the_numbers_of_the_verdict(tmp_path: Path) -> None:
    """A whole run folder is read into its summary, the time from the folder's name."""
    run = read_run(write_run_folder(tmp_path / "helpdesk-20261121-101500"))
    assert (run.name, run.verdict, run.measure, run.kind) == ("helpdesk-20261121-101500", "ship", "ndcg@10", "pairs")
    assert (run.base, run.tuned, run.difference, run.interval) == (0.344, 0.512, 0.168, (0.139, 0.197))
    assert run.created == NOW.astimezone()
    assert json.loads(json.dumps(run.as_json()))["created"].startswith("2026-11-21T10:15:00")


def test_time_of_a_named_folder_is_that_of_its_verdict(tmp_path: Path) -> None:
    """Without a time in its name, a run was made when its verdict was written."""
    folder = write_run_folder(tmp_path / "mine-20269999-999999")
    os.utime(folder / "verdict.json", (1_700_000_000, 1_700_000_000))
    assert read_run(folder).created == datetime.fromtimestamp(1_700_000_000, tz=UTC)


def test_list_is_newest_first_without_partial_or_damaged(tmp_path: Path) -> None:
    """Half-written, damaged and foreign folders are not listed; the rest is by time."""
    write_run_folder(tmp_path / "a-20261121-101500")
    write_run_folder(tmp_path / "b-20261122-101500")
    write_run_folder(tmp_path / ".c-20261123-101500.partial")
    (write_run_folder(tmp_path / "d-20261124-101500") / "verdict.json").write_text('{"verdict": "sh')
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").write_text("x")
    assert [run.name for run in list_runs(tmp_path)] == ["b-20261122-101500", "a-20261121-101500"]


def test_no_root_is_no_runs(tmp_path: Path) -> None:
    """A folder of runs that was never made holds none."""
    assert list_runs(tmp_path / "runs") == ()
    assert run_folders(tmp_path / "runs") == ()


def test_no_run_is_not_found(tmp_path: Path) -> None:
    """A folder without a verdict is no run."""
    with pytest.raises(NotFound, match="holds no run"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tuned": None}, "tuned is not a number"),
        ({"base": "high"}, "base is not a number"),
        ({"difference": True}, "difference is not a number"),
        ({"interval": [0.1]}, "interval is not two numbers"),
        ({"interval": None}, "interval is not two numbers"),
        ({"verdict": 3}, "verdict is not a text"),
    ],
)
def test_damage_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """A verdict whose values are no such values is damaged, and the message says which."""
    with pytest.raises(StorageError, match=said):
        read_run(write_run_folder(tmp_path / "run", changes=changes))


def test_missing_key_is_named(tmp_path: Path) -> None:
    """A verdict without one of the keys is damaged, and the message names it."""
    (tmp_path / "verdict.json").write_text('{"verdict": "ship"}')
    with pytest.raises(StorageError, match="measure is missing"):
        read_run(tmp_path)


def test_json_that_is_no_object_is_damaged(tmp_path: Path) -> None:
    """A list where an object should be is damaged; no file at all is None."""
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(StorageError, match="not a JSON object"):
        read_json(tmp_path / "a.json")
    assert read_json(tmp_path / "b.json") is None


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("tickets", "tickets-20261121-101500"),
        ("../my data/tïckets!", "my-data-tïckets-20261121-101500"),
        ("...", "run-20261121-101500"),
        ("x" * 300, "x" * 80 + "-20261121-101500"),
    ],
)
def test_default_folder_has_a_safe_name_and_the_time(tmp_path: Path, name: str, folder: str) -> None:
    """The default folder lies in the root whatever the data is called."""
    assert default_run_folder(tmp_path, name, NOW) == tmp_path / folder


def test_taken_names_are_counted_on(tmp_path: Path) -> None:
    """Two runs of one second do not share a folder, not even while the first is still written aside."""
    (tmp_path / "a-20261121-101500").mkdir()
    (tmp_path / ".a-20261121-101500-2.partial").mkdir()
    folder = default_run_folder(tmp_path, "a", NOW)
    assert folder.name == "a-20261121-101500-3"
    assert read_run(write_run_folder(folder)).created == NOW.astimezone()


def test_name_of_a_run_still_aside(tmp_path: Path) -> None:
    """A report written into the hidden folder bears the final name."""
    assert run_name(tmp_path / ".a-1.partial") == "a-1"
