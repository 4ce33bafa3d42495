from __future__ import annotations

import json
from pathlib import Path

from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from vectune.config import CheckConfig
from vectune.monitor.progress import Silent
from vectune.workflows.check import check_data


class Stages(Silent):
    """Remembers the stages."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def stage(self, name: str, total: int | None = None) -> None:
        self.names.append(name)


def test_each_split_has_its_report_and_folder(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A folder of split files is checked split by split, each under its name on the screen and on disk."""
    source = tmp_path / "data"
    source.mkdir()
    for place, name in enumerate(("train", "test")):
        write_jsonl(source / f"{name}.jsonl", overlapping_pairs(20 + place, seed=place))
    stages = Stages()
    config = CheckConfig(path=str(source), base=str(tiny_model_folder), out=tmp_path / "out")
    reports = check_data(config, stages)
    assert {name: report.rows_kept for name, report in reports.items()} == {"train": 20, "test": 21}
    assert stages.names == ["check train", "check test"]
    for name in reports:
        summary = json.loads((tmp_path / "out" / name / "summary.json").read_text())
        assert summary["rows_kept"] == reports[name].rows_kept


def test_one_file_is_one_report(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A single file is checked as `all`, in one stage; its texts are measured with the model's tokenizer."""
    data = write_jsonl(tmp_path / "a.jsonl", [*overlapping_pairs(20), {"query": "red1", "positive": "dog1 " * 99}])
    stages = Stages()
    reports = check_data(CheckConfig(path=str(data), base=str(tiny_model_folder)), stages)
    assert list(reports) == ["all"]
    assert stages.names == ["check"]
    truncated = reports["all"].as_json()["profile"]["truncated"]
    assert truncated["query"] == 0
    assert 0 < truncated["document"] < 0.1
