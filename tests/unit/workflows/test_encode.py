from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vectune.config import EncodeConfig
from vectune.errors import DataError, UsageError
from vectune.monitor.progress import Silent
from vectune.workflows.encode import encode


class Stages(Silent):
    """Remembers the stages and how far each came."""

    def __init__(self) -> None:
        self.totals: dict[str, int | None] = {}
        self.done = 0

    def stage(self, name: str, total: int | None = None) -> None:
        self.totals[name] = total

    def advance(self, amount: int = 1, **values: float) -> None:
        self.done += amount


def _config(model: Path, path: Path, out: Path, **settings: object) -> EncodeConfig:
    return EncodeConfig.model_validate({"model": str(model), "path": str(path), "out": out, **settings})


def test_report_says_what_was_written(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Number of texts, length of the vectors and place are reported; the bar ends full."""
    (tmp_path / "a.txt").write_text("red1\ndog2 cat3\n")
    stages = Stages()
    report = encode(_config(tiny_model_folder, tmp_path / "a.txt", tmp_path / "v.npy", dims=8), stages)
    assert (report.texts, report.dim, report.out) == (2, 8, str(tmp_path / "v.npy"))
    assert report.as_json()["texts"] == 2
    assert stages.totals == {"load model": None, "encode": 2}
    assert stages.done == 2
    assert np.load(tmp_path / "v.npy").shape == (2, 8)


@pytest.mark.parametrize(
    ("path", "out", "found"),
    [("a.txt", "v.txt", "ends in none"), ("a.txt", "no/v.npy", "no folder"), ("nowhere.txt", "v.npy", "no file")],
)
def test_wrong_paths_are_found_before_the_model_is_loaded(path: str, out: str, found: str, tmp_path: Path) -> None:
    """What is wrong with input or output is said at once, not after an hour of encoding."""
    (tmp_path / "a.txt").write_text("red1\n")
    stages = Stages()
    with pytest.raises(UsageError, match=found):
        encode(_config(tmp_path / "no model", tmp_path / path, tmp_path / out), stages)
    assert stages.totals == {}


@pytest.mark.parametrize(("content", "found"), [("", "holds no text"), ("one\n\ntwo\n", "no text in line 2")])
def test_vectors_never_shift(content: str, found: str, tiny_model_folder: Path, tmp_path: Path) -> None:
    """A file without texts, or with a gap that would shift the vectors after it, is an error; nothing is written."""
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(DataError, match=found):
        encode(_config(tiny_model_folder, tmp_path / "a.txt", tmp_path / "v.npy"), Silent())
    assert not (tmp_path / "v.npy").exists()
