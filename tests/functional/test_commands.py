"""The other commands, and what all of them share: help, JSON, settings, errors."""

from __future__ import annotations

import io
import json
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from tests.functional.command_line import finish, run_here, start
from tests.functional.conftest import FinishedRun
from vectune.cli import backup, check, demo, encode, evaluate, export, gc, keys, restore, runs, serve, tune
from vectune.cli.main import modules
from vectune.config import CheckConfig, EncodeConfig, JudgeConfig, RunsConfig, TuneConfig

_COMMANDS = (check, tune, evaluate, encode, export, serve, keys, gc, backup, restore, runs, demo)
_NAMES = [module.NAME for module in _COMMANDS]
_TEXTS = ["red1 red2 red3", "cat4 cat5", "dog1 dog2 dog3 dog4"]


# -- runs, evaluate, check --------------------------------------------------------------------------------------------


def test_runs_lists_and_compares(finished: FinishedRun, tmp_path: Path) -> None:
    """`runs` lists what a folder holds; two names put them side by side with their difference."""
    second = tmp_path / "second"
    again = run_here("tune", "--config", finished.folder / "config.toml", "--learning-rate", 1e-7, "--out", second)
    assert again.status in (0, 3, 4), again.err
    listed = run_here("runs", "--root", finished.folder.parent)
    assert listed.status == 0
    assert "first" in listed.out
    assert "ship" in listed.out
    compared = run_here("runs", finished.folder, second, "--json").json["comparison"]
    assert compared["names"] == ["first", "second"]
    assert compared["differences"][0]["difference"] < 0
    assert compared["differences"][0]["interval"][1] < 0


def test_evaluate_judges_a_run(finished: FinishedRun, tiny_model_folder: Path, tmp_path: Path) -> None:
    """`evaluate` judges a run folder's model against others on any file, beside BM25, and writes what it found."""
    done = run_here(
        "evaluate", finished.folder, finished.data, "--against", tiny_model_folder, "--against", finished.folder,
        "--dims", "32,8", "--out", tmp_path / "judged", "--set", "evaluate.general=false", "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert done.json["verdict"] == "ship"
    assert set(done.json["measures"]) == {"base", "tuned", "other-1", "bm25"}
    assert done.json["measures"]["other-1"] == done.json["measures"]["tuned"]
    assert list(done.json["measures"]["tuned"]) == ["32", "8"]
    written = {path.name for path in (tmp_path / "judged").iterdir()}
    assert {"verdict.json", "per_query.parquet", "report.html", "config.toml"} <= written
    assert json.loads((tmp_path / "judged" / "verdict.json").read_text())["queries"] == 200


def test_evaluate_of_a_model_against_itself_is_undecided(tiny_model_folder: Path, pairs: Path) -> None:
    """The same model on both sides differs by nothing, whatever the chance in resampling."""
    done = run_here(
        "evaluate",
        tiny_model_folder,
        pairs,
        "--against",
        tiny_model_folder,
        "--json",
        "--set",
        "evaluate.general=false",
    )
    assert done.status == 4
    assert done.json["difference"] == 0
    assert done.json["interval"] == [0, 0]


def test_evaluate_refuses_what_does_not_exist(finished: FinishedRun, pairs: Path, tiny_model_folder: Path) -> None:
    """A dimension beyond the model's and a measure of another kind of data are refused, not ignored."""
    for flags, found in ((("--dims", 64), "have 32 values"), (("--measure", "spearman"), "spearman")):
        done = run_here("evaluate", finished.folder, pairs, "--against", tiny_model_folder, *flags)
        assert done.status == 2, done.err
        assert found in done.error
        assert done.hint


def test_check_says_and_writes(pairs: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    """`check` says the shape and the counts; --out leaves clean rows, dropped rows and the summary."""
    rows = [*map(json.loads, pairs.read_text().splitlines()), {"query": "", "positive": "dog1"}]
    data = write_jsonl(tmp_path / "data.jsonl", rows)
    done = run_here("check", data, "--base", tiny_model_folder, "--out", tmp_path / "checked")
    assert done.status == 0, done.err
    assert "read as pairs" in done.out
    assert "cut by the model" in done.out
    assert {path.name for path in (tmp_path / "checked").iterdir()} == {"clean.jsonl", "dropped.jsonl", "summary.json"}
    assert json.loads((tmp_path / "checked" / "dropped.jsonl").read_text())["row"] == 61
    again = run_here("check", tmp_path / "checked" / "clean.jsonl", "--base", tiny_model_folder, "--json").json
    assert (again["rows_read"], again["rows_kept"]) == (60, 60)


# -- encode -----------------------------------------------------------------------------------------------------------


def _vectors(path: Path) -> np.ndarray[Any, Any]:
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".parquet":
        return np.stack(pq.read_table(path)["vector"].to_numpy())
    return np.array([json.loads(line)["vector"] for line in path.read_text().splitlines()])


@pytest.mark.parametrize("ending", [".npy", ".parquet", ".jsonl"])
def test_encode_writes_each_form(ending: str, finished: FinishedRun, tmp_path: Path) -> None:
    """Each form holds the same unit vectors in the order of the texts; --dims cuts them and makes them unit again."""
    (tmp_path / "texts.txt").write_text("\n".join(_TEXTS))
    whole, cut = tmp_path / f"whole{ending}", tmp_path / f"cut{ending}"
    for out, flags in ((whole, ()), (cut, ("--dims", 16))):
        done = run_here("encode", finished.folder, tmp_path / "texts.txt", "--out", out, *flags, "--json")
        assert (done.status, done.json["texts"]) == (0, 3)
    vectors, shorter = _vectors(whole), _vectors(cut)
    assert vectors.shape == (3, 32)
    assert shorter.shape == (3, 16)
    norms = np.linalg.norm(vectors[:, :16], axis=1, keepdims=True)
    assert shorter == pytest.approx(vectors[:, :16] / norms, abs=1e-5)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_encode_reads_each_form(finished: FinishedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of text, JSONL, a named column of CSV and standard input give the same vectors."""
    (tmp_path / "a.txt").write_text("\n".join(_TEXTS))
    write_jsonl(tmp_path / "b.jsonl", [{"text": text} for text in _TEXTS])
    (tmp_path / "c.csv").write_text("number,words\n" + "".join(f"{n},{text}\n" for n, text in enumerate(_TEXTS)))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(_TEXTS).encode())))
    found = []
    for path, flags in (
        (tmp_path / "a.txt", ()),
        (tmp_path / "b.jsonl", ()),
        (tmp_path / "c.csv", ("--column", "words")),
    ):
        assert run_here("encode", finished.folder, path, "--out", tmp_path / "v.npy", *flags).status == 0
        found.append(_vectors(tmp_path / "v.npy"))
    assert run_here("encode", finished.folder, "-", "--out", tmp_path / "v.npy").status == 0
    for vectors in (*found, _vectors(tmp_path / "v.npy")):
        assert vectors == pytest.approx(found[0], abs=1e-6)


def test_encode_reads_a_pipe(finished: FinishedRun, tmp_path: Path) -> None:
    """The real command takes texts from a pipe, and leaves standard output to the result."""
    process = start("encode", finished.folder, "-", "--out", tmp_path / "v.jsonl", "--json")
    done = finish(process, "\n".join(_TEXTS).encode())
    assert done.status == 0, done.err
    assert done.json["texts"] == 3
    assert [json.loads(line)["text"] for line in (tmp_path / "v.jsonl").read_text().splitlines()] == _TEXTS


def test_encode_puts_the_roles_prompt(tmp_path: Path) -> None:
    """--role query puts the model's query prompt before each text, --role document the other."""
    from tests.fakes.tiny_model import PROMPTS, save_tiny_model

    plain, prompted = save_tiny_model(tmp_path / "plain"), save_tiny_model(tmp_path / "prompted", prompts=True)
    for role, prompt in PROMPTS.items():
        (tmp_path / "bare.txt").write_text("cat1 dog1")
        (tmp_path / "with.txt").write_text(f"{prompt}cat1 dog1")
        run_here("encode", prompted, tmp_path / "bare.txt", "--role", role, "--out", tmp_path / "a.npy")
        run_here("encode", plain, tmp_path / "with.txt", "--role", role, "--out", tmp_path / "b.npy")
        assert _vectors(tmp_path / "a.npy") == pytest.approx(_vectors(tmp_path / "b.npy"), abs=1e-5)


def test_encode_refuses(finished: FinishedRun, pairs: Path, tmp_path: Path) -> None:
    """An unknown ending, too many dims, a column that is not there and a folder that is not there are refused."""
    out = tmp_path / "v.npy"
    refused = [
        (["--out", tmp_path / "v.txt"], 2, "ends in none"),
        (["--out", out, "--dims", 33], 2, "the model has 32"),
        (["--out", out, "--column", "nothing"], 1, "nothing"),
        (["--out", tmp_path / "no" / "v.npy"], 2, "no folder"),
        (["--out", out, "--role", "judge"], 2, "role"),
    ]
    for flags, status, found in refused:
        done = run_here("encode", finished.folder, pairs, *flags)
        assert (done.status, found in done.error, bool(done.hint)) == (status, True, True), done.err
    assert not out.exists()


# -- what all commands share ------------------------------------------------------------------------------------------


def test_these_are_all_commands() -> None:
    """The tests below look at every command there is."""
    assert modules == _COMMANDS


@pytest.mark.parametrize("command", _COMMANDS, ids=_NAMES)
def test_help_has_an_example(command: ModuleType) -> None:
    """Each command's --help ends with an example and names --json, --config and --dry-run.

    `serve` works until it is stopped: there is no result to print.
    """
    name = command.NAME
    done = run_here(name, "--help")
    assert done.status == 0
    assert "Example" in done.out
    assert command.EXAMPLE in " ".join(done.out.split())
    flags = {"--config", "--dry-run"} if name == "serve" else {"--json", "--config", "--dry-run"}
    assert flags <= set(done.out.split())


def test_bare_command_shows_what_there_is() -> None:
    """`vectune` alone and `vectune --help` list every command."""
    for arguments in ((), ("--help",)):
        done = run_here(*arguments)
        assert done.status == 0
        assert all(name in done.out for name in _NAMES)


_DRY: list[tuple[list[str], type[Any]]] = [
    (["tune", "a.jsonl", "--dims", "64,32", "--split", "80/10/10", "--columns", "anchor=q,positive=a"], TuneConfig),
    (["check", "a.jsonl", "--max-bad", "0.2", "--out", "checked"], CheckConfig),
    (["evaluate", "model", "a.jsonl", "--against", "b", "--against", "c"], JudgeConfig),
    (["encode", "model", "a.txt", "--out", "v.npy", "--dims", "64"], EncodeConfig),
    (["runs", "first", "second", "--root", "elsewhere"], RunsConfig),
    (["demo", "--epochs", "2", "--set", "train.patience=8"], TuneConfig),
]


@pytest.mark.parametrize(("arguments", "model"), _DRY, ids=[arguments[0] for arguments, _ in _DRY])
def test_dry_run_prints_the_config(arguments: list[str], model: type[Any], tmp_path: Path) -> None:
    """--dry-run prints TOML that means the same when given back with --config, and the same as JSON with --json."""
    printed = run_here(*arguments, "--dry-run")
    assert printed.status == 0, printed.err
    config = model.model_validate(tomllib.loads(printed.out))
    (tmp_path / "config.toml").write_text(printed.out)
    again = run_here(arguments[0], "--config", tmp_path / "config.toml", "--dry-run")
    assert again.out == printed.out
    assert model.model_validate(run_here(*arguments, "--dry-run", "--json").json) == config


def test_flags_go_before_the_file(tmp_path: Path) -> None:
    """A setting of the file stands until a flag says otherwise; --set reaches settings that have no flag."""
    (tmp_path / "c.toml").write_text('path = "a.jsonl"\n[train]\nepochs = 3.0\nseed = 7\n')
    flags = ("--config", tmp_path / "c.toml", "--epochs", 5, "--set", "train.patience=9", "--dry-run", "--json")
    train = run_here("tune", *flags).json["train"]
    assert (train["epochs"], train["seed"], train["patience"]) == (5.0, 7, 9)


_WRONG: dict[str, tuple[list[str], str]] = {
    "unknown setting": (["tune", "a", "--set", "train.speed=3"], "`train.speed` is no setting"),
    "setting without value": (["tune", "a", "--set", "train.seed"], "--set is"),
    "value out of range": (["tune", "a", "--epochs", "-1"], "`train.epochs` is -1.0"),
    "value of another type": (["tune", "a", "--epochs", "many"], "--epochs"),
    "path left out": (["tune"], "`path` is missing"),
    "unknown flag": (["tune", "a", "--speed", "3"], "--speed"),
    "unknown command": (["tuen"], "tuen"),
    "split that is none": (["tune", "a", "--split", "80/20"], "--split is"),
    "columns that are none": (["tune", "a", "--columns", "anchor"], "--columns is"),
    "dims that are none": (["tune", "a", "--dims", "small"], "--dims is"),
    "config that is not there": (["tune", "--config", "nowhere.toml"], "nowhere.toml"),
    "config that is a folder": (["tune", "--config", "."], "can't be read"),
    "setting under a value": (["tune", "a", "--set", "train=3", "--set", "train.seed=1"], "train"),
}


@pytest.mark.parametrize("name", _WRONG)
def test_what_is_asked_wrongly_ends_with_two(name: str) -> None:
    """Status 2, a sentence with what was found, a hint, no traceback; with --json one object says the same."""
    arguments, found = _WRONG[name]
    done = run_here(*arguments)
    assert done.status == 2, done.err
    assert found in done.error
    assert done.hint
    assert "Traceback" not in done.err
    as_json = run_here(*arguments, "--json").json["error"]
    assert found in as_json["message"]
    assert as_json["code"] in ("usage_error", "config_error")


def test_all_bad_settings_are_named_at_once(tmp_path: Path) -> None:
    """A file with three mistakes needs one run to be told all of them."""
    (tmp_path / "c.toml").write_text('path = "a"\nspeed = 3\n[train]\nepochs = -1\ncolour = "red"\n')
    done = run_here("tune", "--config", tmp_path / "c.toml")
    assert done.status == 2
    assert all(f"`{name}`" in done.error for name in ("speed", "train.epochs", "train.colour"))


def test_broken_config_names_the_line(tmp_path: Path) -> None:
    """A file that is not TOML says where it breaks."""
    (tmp_path / "c.toml").write_text('path = "a"\nepochs = = 3\n')
    done = run_here("tune", "--config", tmp_path / "c.toml")
    assert done.status == 2
    assert "line 2" in done.error


def test_traceback_only_with_debug(tmp_path: Path) -> None:
    """--debug adds the traceback to the sentence; without it there is none."""
    arguments = ("check", tmp_path / "nowhere.jsonl")
    assert "Traceback" not in run_here(*arguments).err
    told = run_here(*arguments, "--debug")
    assert "Traceback" in told.err
    assert "does not exist" in told.error
    assert told.status == 2


def test_json_is_one_object(finished: FinishedRun, tiny: tuple[str, ...], pairs: Path, tmp_path: Path) -> None:
    """With --json standard output of each command is exactly one JSON object, and standard error stays empty."""
    base = tiny[1]
    commands = [
        ["tune", pairs, *tiny, "--out", tmp_path / "run"],
        ["check", pairs, "--base", base],
        ["evaluate", finished.folder, pairs, "--against", base, "--set", "evaluate.general=false"],
        ["encode", finished.folder, pairs, "--out", tmp_path / "v.npy"],
        ["export", finished.folder, "--format", "openvino-int8", "--out", tmp_path / "export"],
        ["runs", "--root", finished.folder.parent],
        ["keys", "list", "--home", tmp_path / "home"],
        ["gc", "--home", tmp_path / "home"],
        ["backup", "--home", tmp_path / "home", "--out", tmp_path / "copy"],
        ["restore", tmp_path / "copy", "--home", tmp_path / "restored"],
        ["demo", "--dry-run"],
    ]
    for arguments in commands:
        done = run_here(*arguments, "--json")
        assert done.status in (0, 3, 4)
        assert isinstance(done.json, dict)
        assert done.err == ""
    assert {arguments[0] for arguments in commands} == set(_NAMES) - {"serve"}


def test_text_of_the_data_is_never_markup(tmp_path: Path, tiny_model_folder: Path) -> None:
    """Square brackets in names and data are printed as they are, not taken as colour."""
    data = write_jsonl(tmp_path / "[bold]pairs.jsonl", overlapping_pairs(20))
    done = run_here("check", data, "--base", tiny_model_folder)
    assert done.status == 0, done.err
    assert "[bold]pairs" in "".join(done.out.split())  # a long path is broken over lines
    nowhere = run_here("check", tmp_path / "[red]nothing.jsonl")
    assert "[red]nothing" in nowhere.error
