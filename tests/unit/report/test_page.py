from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.run_folder import HOSTILE, write_run_folder
from tests.unit.report.outline import Outline
from vectune.errors import NotFound, StorageError
from vectune.report.page import render_report

OPTIONAL = ("config.toml", "split.json", "metrics.jsonl", "data.json", "examples.json", "model/vectune_space.json")
PARTS = ["Judgement", "Dimensions", "Training", "Queries", "Data", "Run"]


def hostile(value: Any) -> Any:
    """The same value with every text in it replaced by one that tries to break out."""
    if isinstance(value, dict):
        return {key: hostile(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [hostile(inner) for inner in value]
    return HOSTILE.replace("\ud800", "") if isinstance(value, str) else value


def test_whole_run_shows_every_part(tmp_path: Path) -> None:
    """All six parts stand there, in order, each reached from the navigation."""
    outline = Outline(render_report(write_run_folder(tmp_path / "run")))
    assert [text for text in outline.texts if text in PARTS][:6] == PARTS
    targets = {link["href"] for link in outline.all("a")}
    assert targets == {f"#{section['id']}" for section in outline.all("section", class_="group")}


@pytest.mark.parametrize("kind", ["pairs", "scored", "labelled"])
def test_page_asks_for_nothing_outside(tmp_path: Path, kind: str) -> None:
    """No script, frame, picture or sheet; every address is a place in the page or data."""
    page = render_report(write_run_folder(tmp_path / "run", kind=kind))
    outline = Outline(page)
    assert not {tag for tag, _ in outline.elements} & {"script", "iframe", "img", "object", "embed", "base", "form"}
    addresses = [
        found[name] for _, found in outline.elements for name in ("src", "href", "xlink:href") if name in found
    ]
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert not re.search(r"url\((?!#)", page)
    (policy,) = outline.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"].startswith("default-src 'none';")


def test_every_drawing_has_words(tmp_path: Path) -> None:
    """Each chart is a picture with a title and a description."""
    outline = Outline(render_report(write_run_folder(tmp_path / "run")))
    drawings = [svg for svg in outline.all("svg") if "stretch" not in svg.get("class", "")]
    assert len(drawings) >= 9
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in drawings)
    assert len(outline.all("desc")) == len(drawings)


def test_page_is_written_while_the_run_is_aside(tmp_path: Path) -> None:
    """The title is the run's final name although the folder is still hidden."""
    outline = Outline(render_report(write_run_folder(tmp_path / ".helpdesk-1.partial")))
    assert outline.texts[0] == "helpdesk-1 · vectune"


@pytest.mark.parametrize("name", OPTIONAL)
def test_any_part_may_be_missing(tmp_path: Path, name: str) -> None:
    """Without one of the files the page is still whole."""
    page = render_report(write_run_folder(tmp_path / "run", without=(name,)))
    assert "0.512" in Outline(page).text


def test_verdict_alone_makes_a_page(tmp_path: Path) -> None:
    """The folder of a judgement has no training, split or data: the page shows what there is and says so."""
    outline = Outline(render_report(write_run_folder(tmp_path / "run", without=OPTIONAL)))
    assert "no training was logged" in outline.text
    assert "Data" not in outline.texts


def test_emptiest_verdict_makes_a_page(tmp_path: Path) -> None:
    """Not one key of the verdict is needed to draw a page that can be opened."""
    (tmp_path / "verdict.json").write_text("{}")
    assert "No verdict" in Outline(render_report(tmp_path)).texts


def test_no_run_is_an_error(tmp_path: Path) -> None:
    """Without a verdict there is no report; a damaged one is said."""
    with pytest.raises(NotFound):
        render_report(tmp_path)
    (tmp_path / "verdict.json").write_text("[")
    with pytest.raises(StorageError):
        render_report(tmp_path)


def test_hostile_files_can_not_add_markup(tmp_path: Path) -> None:
    """With every text of every file hostile, the page has no element that a clean run's page lacks."""
    known = {tag for tag, _ in Outline(render_report(write_run_folder(tmp_path / "clean"))).elements}
    folder = write_run_folder(tmp_path / "run")
    for file in folder.rglob("*.json"):
        file.write_bytes(orjson.dumps(hostile(orjson.loads(file.read_bytes()))))
    lines = [hostile(orjson.loads(line)) for line in (folder / "metrics.jsonl").read_bytes().splitlines()]
    (folder / "metrics.jsonl").write_bytes(b"\n".join(orjson.dumps(line) for line in lines))
    (folder / "config.toml").write_text("path = '</pre><script>alert(1)</script>'")
    page = render_report(folder)
    assert {tag for tag, _ in Outline(page).elements} <= known
    assert "<script" not in page
    assert "\x00" not in page


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(-1e9, 1e9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = ("measures", "intervals", "interval", "targets", "general", "seconds", "base", "p", "dims", "recipe", "versions")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.sampled_from(KEYS), JSON, min_size=1, max_size=4))
def test_odd_verdicts_never_break_the_page(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Whatever stands under a key of the verdict, the page is made and well formed."""
    folder = write_run_folder(tmp_path / "run", without=(*OPTIONAL, "per_query.parquet"), changes=changes)
    assert "vectune report" in Outline(render_report(folder)).texts
