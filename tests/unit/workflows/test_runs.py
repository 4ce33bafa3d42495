from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.run_folder import write_run_folder
from vectune.errors import NotFound, StorageError
from vectune.workflows.runs import list_and_compare

FIRST, SECOND = "helpdesk-20261121-101500", "helpdesk-20261122-101500"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two runs, one half-written, one damaged, one folder that is none."""
    write_run_folder(tmp_path / FIRST)
    write_run_folder(tmp_path / SECOND, seed=3)
    write_run_folder(tmp_path / ".helpdesk-20261123-101500.partial")
    (write_run_folder(tmp_path / "broken-20261121-101500") / "verdict.json").write_text('{"verdict": "sh')
    (tmp_path / "notes").mkdir()
    return tmp_path


def test_list_names_what_it_skips(root: Path) -> None:
    """Whole runs are listed newest first; damaged ones are named with the reason; half-written ones are not there."""
    report = list_and_compare(root, [])
    assert [run.name for run in report.runs] == [SECOND, FIRST]
    assert {skipped.name for skipped in report.skipped} == {"broken-20261121-101500", "notes"}
    assert "not whole JSON" in next(s.reason for s in report.skipped if s.name.startswith("broken"))
    assert report.comparison is None


def test_named_runs_are_compared_in_their_order(root: Path) -> None:
    """Full names, unique beginnings and paths all name a run."""
    report = list_and_compare(root, [FIRST, "helpdesk-20261122", str(root / FIRST)])
    assert [run.name for run in report.runs] == [FIRST, SECOND, FIRST]
    assert report.comparison is not None
    assert report.comparison.names == (FIRST, SECOND, FIRST)


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        ("helpdesk", "the beginning of 2 runs", FIRST),
        ("helpdesk-20261121-101501", "There is no run", FIRST),
        (".helpdesk-20261123", "There is no run", ""),
    ],
)
def test_unknown_names_are_answered_with_known_ones(root: Path, name: str, said: str, hint: str) -> None:
    """An ambiguous, wrong or half-written name is an error that offers what there is."""
    with pytest.raises(NotFound, match=said) as caught:
        list_and_compare(root, [name])
    assert hint in caught.value.hint


def test_damaged_run_asked_for_is_an_error(root: Path) -> None:
    """A damaged run is not skipped in silence when it was named."""
    with pytest.raises(StorageError, match="not whole JSON"):
        list_and_compare(root, ["broken"])


def test_empty_root(tmp_path: Path) -> None:
    """No runs is an empty report; a name in it is an error that says so."""
    assert list_and_compare(tmp_path / "runs", []).runs == ()
    with pytest.raises(NotFound) as caught:
        list_and_compare(tmp_path / "runs", ["mine"])
    assert "There are no runs" in caught.value.hint


def test_report_is_json(root: Path) -> None:
    """Listing and comparison can be printed as JSON and read back."""
    content = json.loads(json.dumps(list_and_compare(root, [FIRST, SECOND]).as_json()))
    assert [run["name"] for run in content["runs"]] == [FIRST, SECOND]
    assert content["comparison"]["rows"][0] == {"measure": "ndcg@10", "dim": 384, "scores": [0.512, 0.512]}
    assert json.loads(json.dumps(list_and_compare(root, []).as_json()))["comparison"] is None
