from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.console import Console, RenderableType

from tests.fakes.run_folder import write_run_folder
from vectune.cli.tables import check_table, measures_table, runs_table, verdict_panel
from vectune.workflows.runs import RunsReport, list_and_compare


def shown(renderable: RenderableType, width: int = 80) -> str:
    """What a terminal of `width` columns without colours shows."""
    console = Console(width=width, file=io.StringIO(), color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run_folder(tmp_path / "helpdesk-20261121-101500")


def read(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads((folder / name).read_bytes())
    return content


def test_runs_fit_80_columns(folder: Path) -> None:
    """The list has every run whole on its line, with verdict and difference in words and numbers."""
    write_run_folder(folder.with_name("helpdesk-20261122-101500"), changes={"verdict": "do not ship"})
    text = shown(runs_table(list_and_compare(folder.parent, [])))
    assert "helpdesk-20261121-101500 ship" in text
    assert "do not ship" in text
    assert "+0.139 to +0.197" in text
    assert max(map(len, text.splitlines())) <= 80


def test_skipped_runs_are_told(folder: Path) -> None:
    """A damaged folder is named with its reason."""
    (folder.parent / "notes").mkdir()
    assert "skipped notes:" in shown(runs_table(list_and_compare(folder.parent, [])), width=400)


def test_no_runs_say_what_to_do() -> None:
    """An empty list is an invitation, not an empty table."""
    assert "vectune tune" in shown(runs_table(RunsReport(runs=())))


def test_comparison_has_measures_and_differences(folder: Path) -> None:
    """Compared runs are numbered; all measures stand side by side, and differences with their interval below."""
    other = write_run_folder(folder.with_name("other-20261122-101500"), seed=3)
    odd = write_run_folder(folder.with_name("odd-20261122-101500"), kind="scored")
    text = shown(runs_table(list_and_compare(folder.parent, [folder.name, other.name, odd.name])))
    assert ["recall@100", "32", "0.750", "0.750", "-"] in [line.split() for line in text.splitlines()]
    assert "#2 minus #1, ndcg@10 at 384: +0.030 (" in text
    assert "#3 minus #1: no interval, because they were decided by different measures" in text


@pytest.mark.parametrize("verdict", ["ship", "do not ship", "undecided", "odd"])
def test_verdict_is_in_words(verdict: str) -> None:
    """The frame says the verdict itself, whatever its colour."""
    text = shown(verdict_panel({"verdict": verdict, "sentence": "Because of this."}))
    assert verdict in text
    assert "Because of this." in text


def test_measures_fit_80_columns(folder: Path) -> None:
    """The deciding measure has intervals and all dimensions; targets are told in words."""
    text = shown(measures_table(read(folder, "verdict.json")))
    lines = [line.split() for line in text.splitlines()]
    assert ["tuned", "0.512", "0.478", "to", "0.546"] in lines
    assert ["difference", "+0.168", "+0.139", "to", "+0.197"] in lines
    assert ["ndcg@10", "384", "0.344", "0.512", "0.391", "0.75", "missed"] in lines
    assert ["ndcg@10", "32", "0.213", "0.446"] in lines
    assert ["map@100", "384", "0.302", "0.461", "0.352", "0.45", "reached"] in lines
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("kind", ["scored", "labelled"])
def test_measures_of_other_kinds(tmp_path: Path, kind: str) -> None:
    """Without BM25 no such column stands there."""
    text = shown(measures_table(read(write_run_folder(tmp_path / "run", kind=kind), "verdict.json")))
    assert "bm25" not in text
    assert "tuned" in text


def test_clusters_are_told_beside_the_units(folder: Path) -> None:
    """Where units share texts, the clusters say how many trials there were; else there is no word about them."""
    verdict = read(folder, "verdict.json")
    assert "with 428 units in 60 clusters" in shown(measures_table(verdict | {"clusters": 60}))
    assert "clusters" not in shown(measures_table(verdict))


def test_check_tells_rows_lengths_and_findings(folder: Path) -> None:
    """Rows, reasons, lengths, languages, findings and what was understood are all there, in 80 columns."""
    text = shown(check_table(read(folder, "data.json")))
    for part in ("Read as pairs", "2,205", "left out: exact duplicate", "231", "10.0%", "en 96%", "! 214 documents"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 80


def test_check_of_little_known_data() -> None:
    """Nothing but row counts is needed."""
    text = shown(check_table({"source": "x.jsonl", "rows_read": 2, "rows_kept": 2, "profile": {"truncated": None}}))
    assert "rows of x.jsonl" in text


def test_names_are_no_colour_markup(folder: Path) -> None:
    """Square brackets in names and messages are shown as they are."""
    named = write_run_folder(folder.with_name("[red]a"))
    assert "[red]a" in shown(runs_table(list_and_compare(named.parent, [named.name])))
    assert "[bold]" in shown(verdict_panel({"verdict": "ship", "sentence": "[bold]"}))
    assert "[/x]" in shown(check_table({"source": "[/x]", "dropped": {"[/y]": 1}, "findings": [{"message": "[/z]"}]}))
