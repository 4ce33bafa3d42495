"""The Python interface: the four functions of `import vectune`, and their errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vectune
from tests.functional.conftest import FinishedRun
from vectune import api
from vectune.errors import ConfigError, DataError, Interrupted, ModelError

_QUICK = {"evaluate": {"general": False}, "train": {"epochs": 2}}


def test_tune_gives_the_run(pairs: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    """`vectune.tune` gives back folder, verdict, model and report of a run that lies on disk."""
    run = vectune.tune(pairs, base=str(tiny_model_folder), out=tmp_path / "run", **_QUICK)
    assert run.folder == tmp_path / "run"
    assert run.verdict["verdict"] == "undecided"
    assert run.exit_status == 4
    assert run.report.is_file()
    assert run.notes
    vectors = vectune.load(run.model).encode(["red1 dog2", "cat3"])
    assert vectors.shape == (2, 32)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_stopped_tune_goes_on(pairs: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    """`stop` ends training with Interrupted; the same call with `resume` finishes it."""
    asked = iter([False] * 8 + [True] * 99)
    settings = {"base": str(tiny_model_folder), "out": tmp_path / "run", **_QUICK}
    with pytest.raises(Interrupted):
        vectune.tune(pairs, stop=lambda: next(asked), **settings)
    assert vectune.tune(pairs, resume=True, **settings).folder == tmp_path / "run"


def test_judge_compares(finished: FinishedRun, tiny_model_folder: Path) -> None:
    """`vectune.judge` judges a run folder against a base without writing anything."""
    judged = vectune.judge(
        finished.folder, finished.data, against=[str(tiny_model_folder)], evaluate={"general": False, "resamples": 200}
    )
    assert judged.verdict["verdict"] == "ship"
    assert judged.folder is None
    assert judged.exit_status == 0


def test_check_reports(pairs: Path, tiny_model_folder: Path) -> None:
    """`vectune.check` gives a report for each split, `all` where there is none."""
    reports = vectune.check(pairs, base=str(tiny_model_folder))
    assert list(reports) == ["all"]
    assert (reports["all"].rows_read, reports["all"].rows_kept) == (60, 60)


def test_errors_say_what_to_do(tmp_path: Path, tiny_model_folder: Path) -> None:
    """Wrong settings, bad data and missing models raise errors of their own kind, each with a hint."""
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(ConfigError, match="`speed` is no setting") as wrong:
        vectune.tune("a.jsonl", speed=3)
    with pytest.raises(DataError, match="is empty") as bad:
        vectune.tune(tmp_path / "empty.jsonl", base=str(tiny_model_folder), out=tmp_path / "run")
    with pytest.raises(ModelError) as missing:
        vectune.load(tmp_path / "nothing")
    assert all(caught.value.hint for caught in (wrong, bad, missing))


@pytest.mark.parametrize("max_tokens", [0, -1])
def test_texts_of_no_tokens_are_refused(tiny_model_folder: Path, max_tokens: int) -> None:
    """`vectune.load` cuts texts to one token at least, here and at an endpoint; the error says what else to give."""
    for name in (str(tiny_model_folder), "openai:model"):
        with pytest.raises(ConfigError) as refused:
            vectune.load(name, max_tokens=max_tokens, base_url="http://127.0.0.1:1")
        assert str(refused.value) == f"`max_tokens` is {max_tokens} and must be at least 1."
        assert refused.value.hint == "Leave it out for the model's own limit."
    assert len(vectune.load(tiny_model_folder, max_tokens=1).encode(["red1 dog2"])) == 1


def test_module_names_what_it_has() -> None:
    """The four functions are listed, and a name that is none is an AttributeError."""
    assert set(vectune.__all__) == {"check", "judge", "load", "tune"}
    assert all(getattr(vectune, name) is getattr(api, name) for name in vectune.__all__)
    with pytest.raises(AttributeError, match="advise"):
        vectune.advise  # noqa: B018


def test_package_runs_as_a_module() -> None:
    """`python -m vectune` is the command, and the package is marked as typed."""
    done = subprocess.run([sys.executable, "-m", "vectune", "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "tune" in done.stdout
    assert Path(vectune.__file__).with_name("py.typed").is_file()
