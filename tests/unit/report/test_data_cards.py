from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from tests.fakes.run_folder import write_run_folder
from tests.unit.report.conftest import MakeRun
from tests.unit.report.outline import Outline
from vectune.report import data_cards
from vectune.report.contents import RunContents, read_contents


def changed(tmp_path: Path, file: str, **changes: Any) -> RunContents:
    """A run one of whose JSON files is changed."""
    folder = write_run_folder(tmp_path / "changed")
    content = orjson.loads((folder / file).read_bytes()) | changes
    (folder / file).write_bytes(orjson.dumps(content))
    return read_contents(folder)


def test_overview_counts_rows(make_run: MakeRun) -> None:
    """Read, kept and left out add up as the check said, and the fingerprint is there."""
    text = Outline(data_cards.overview(make_run()) or "").text
    assert "Rows read 2,205 Rows kept 2,140 97 % Left out 65" in text
    assert "sha256:5f1c0a9be2d3" in text
    assert "document 10 %, query 0 %" in text


def test_dropped_rows_are_listed_by_reason(make_run: MakeRun, tmp_path: Path) -> None:
    """The commonest reason is first; where nothing was dropped it says so."""
    texts = Outline(data_cards.dropped(make_run()) or "").texts
    assert texts.index("exact duplicate") < texts.index("near-duplicate")
    assert "Every row was kept." in Outline(data_cards.dropped(changed(tmp_path, "data.json", dropped={})) or "").texts


def test_languages_lengths_and_findings(make_run: MakeRun) -> None:
    """What the texts are like is shown as the check measured it."""
    run = make_run()
    assert "96 %" in Outline(data_cards.languages(run) or "").texts
    lengths = Outline(data_cards.lengths(run) or "").texts
    assert lengths[lengths.index("Document") :] == ["Document", "11", "92", "231", "548"]
    assert "214 documents are cut" in Outline(data_cards.findings(run) or "").text


def test_certificate_without_overlap_is_clean(make_run: MakeRun) -> None:
    """All zeros are said to be no overlap."""
    text = Outline(data_cards.certificate(make_run()) or "").text
    assert "✓ no overlap" in text
    assert "train and test 0 0 0" in text
    assert "Connected components 1,873" in text


def test_certificate_with_leaks_counts_them(tmp_path: Path) -> None:
    """Overlaps are counted and marked; a giant component and removed rows are told."""
    leaks = {"train/test": {"queries": 3, "documents": 1200, "near_duplicates": 0}}
    giant = {"rows": 900, "share": 0.4, "links_cut": 12}
    outline = Outline(
        data_cards.certificate(changed(tmp_path, "split.json", overlaps=leaks, giant=giant, removed=7)) or ""
    )
    assert "✕ 1,203 overlaps" in outline.texts
    assert "share 40 %; links cut 12" in outline.text
    assert "Taken out of train and dev 7" in outline.text


def test_nothing_known_is_nothing_shown(make_run: MakeRun) -> None:
    """Without data.json and split.json no card stands there."""
    run = make_run(without=("data.json", "split.json"))
    parts = ("overview", "dropped", "languages", "lengths", "findings", "certificate")
    assert [getattr(data_cards, part)(run) for part in parts] == [None] * 6
