from __future__ import annotations

from pathlib import Path

from tests.fakes.run_folder import write_run_folder
from tests.unit.report.conftest import MakeRun
from tests.unit.report.outline import Outline
from vectune.report.colophon import prompts, settings, timings, unreadable, versions
from vectune.report.contents import read_contents


def test_timings_add_up(make_run: MakeRun) -> None:
    """Each stage has its bar, and the sum is said."""
    outline = Outline(timings(make_run()) or "")
    assert "2 min 5 s in all." in outline.texts
    assert len(outline.all("rect", class_="bar plain")) == 7
    assert timings(make_run(changes={"seconds": {}}, without=("metrics.jsonl",))) is None


def test_versions_name_models_space_and_prompts(make_run: MakeRun) -> None:
    """Base model, space fingerprint, prompts and versions are told."""
    run = make_run()
    text = Outline(versions(run)).text
    for part in ("all-MiniLM-L6-v2", "sha256:0d9c3b1f7788a1e2", "Query prompt query:", "torch 2.13.0", "vectune 0.1.0"):
        assert part in text
    assert prompts(run) == [("Query", "query: "), ("Document", "")]


def test_settings_are_the_file_itself(make_run: MakeRun) -> None:
    """The resolved configuration stands there word for word, folded."""
    run = make_run()
    outline = Outline(settings(run) or "")
    assert run.config_text.strip() in outline.texts
    assert len(outline.all("details", open="")) == 0


def test_no_settings_no_card(make_run: MakeRun) -> None:
    """Without config.toml there is nothing to unfold."""
    assert settings(make_run(without=("config.toml",))) is None


def test_damaged_files_are_told(tmp_path: Path) -> None:
    """A reader learns which part is missing because its file is damaged."""
    folder = write_run_folder(tmp_path / "run")
    assert unreadable(read_contents(folder)) is None
    (folder / "data.json").write_text("{")
    assert "data.json" in Outline(unreadable(read_contents(folder)) or "").text
