from __future__ import annotations

import json
from pathlib import Path

import pytest

from vectune.config import TuneConfig
from vectune.config.load import load_config
from vectune.errors import StorageError
from vectune.workflows.demo import DEMO_SETTINGS, write_demo_data


def test_settings_are_settings() -> None:
    """The demo's settings pass validation and are what a flag or a file may replace."""
    config = load_config(TuneConfig, None, {"train.epochs": 2.0}, DEMO_SETTINGS)
    assert (config.name, config.train.epochs, config.train.dims) == ("python-stdlib", 2.0, (384, 128, 64))


def test_data_is_real_and_enough(tmp_path: Path) -> None:
    """The interpreter's own documentation makes 2,000 pairs or more, in a folder that is made if need be."""
    path = tmp_path / "new" / "demo.jsonl"
    count = write_demo_data(path)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert count == len(rows) >= 2000
    assert all(row["query"] and row["positive"] for row in rows)


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    """A file where the folder should be ends in a sentence."""
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(StorageError, match=r"demo\.jsonl could not be"):
        write_demo_data(tmp_path / "runs" / "demo.jsonl")
