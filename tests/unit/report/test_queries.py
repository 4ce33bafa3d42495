from __future__ import annotations

from pathlib import Path

import orjson

from tests.fakes.run_folder import HOSTILE, write_run_folder
from tests.unit.report.conftest import MakeRun
from tests.unit.report.outline import Outline
from vectune.report.contents import read_contents
from vectune.report.queries import losses, wins


def test_examples_have_scores_and_texts(make_run: MakeRun) -> None:
    """Each win is a fold with query, scores before and after, and the three texts; the first is open."""
    outline = Outline(wins(make_run()) or "")
    assert len(outline.all("details")) == 3
    assert len(outline.all("details", open="")) == 1
    assert "kiln hangs in segment 3" in outline.texts
    assert "0.000 → 1.000" in outline.texts
    assert "+1.000" in outline.texts


def test_right_answers_are_marked(make_run: MakeRun) -> None:
    """In the first loss the base had put the relevant text first and the tuned model had not."""
    outline = Outline(losses(make_run()) or "")
    assert outline.texts.count("✓ relevant") == 2  # both losses: the base had it right
    first = outline.text.split("Tuned put first")
    assert "✓ relevant" in first[0]


def test_no_examples_are_said(tmp_path: Path) -> None:
    """An empty list says that there are none; an absent file shows nothing."""
    folder = write_run_folder(tmp_path / "run")
    (folder / "examples.json").write_bytes(orjson.dumps({"wins": [], "losses": None}))
    run = read_contents(folder)
    assert "There are none." in Outline(wins(run) or "").texts
    (folder / "examples.json").unlink()
    assert wins(read_contents(folder)) is None


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    """Markup in a query or a document is shown, not obeyed."""
    folder = write_run_folder(tmp_path / "run")
    text = HOSTILE.replace("\ud800", "")
    entry = {
        "unit": "q",
        "query": text,
        "base": 0.0,
        "tuned": 1.0,
        "relevant": text,
        "base_top": text,
        "tuned_top": text,
    }
    (folder / "examples.json").write_bytes(orjson.dumps({"wins": [entry]}))
    outline = Outline(wins(read_contents(folder)) or "")
    assert not outline.all("script")
    assert not outline.all("img")
    assert outline.text.count("alert('x')") == 4
