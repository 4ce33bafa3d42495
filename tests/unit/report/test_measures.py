from __future__ import annotations

from tests.unit.report.conftest import MakeRun
from tests.unit.report.outline import Outline
from vectune.report.measures import change, measure_table


def test_table_has_every_measure_with_targets(make_run: MakeRun) -> None:
    """All measures stand there, the deciding one first and strong, targets told in words for screen readers."""
    outline = Outline(measure_table(make_run()) or "")
    rows = outline.texts[outline.texts.index("Target") + 1 :]
    assert rows[:5] == ["nDCG@10", "0.344", "0.512", "+0.168", "0.391"]
    assert len(outline.all("th", scope="row")) == 7
    assert outline.text.count("missed") == 3 + 1  # three targets, and the note that explains the sign
    assert len(outline.all("span", class_="chip good")) == 1


def test_table_without_bm25_or_targets_has_no_such_columns(make_run: MakeRun) -> None:
    """Scored pairs have neither BM25 nor targets."""
    outline = Outline(measure_table(make_run(kind="scored")) or "")
    assert len(outline.all("th", scope="col")) == 4


def test_further_models_have_their_column(make_run: MakeRun) -> None:
    """A model named with --against is a column of its own."""
    measures = {model: {"384": {"ndcg@10": 0.3}} for model in ("base", "tuned", "rival")}
    outline = Outline(measure_table(make_run(changes={"measures": measures, "targets": {}})) or "")
    assert "rival" in outline.texts


def test_no_measures_no_table(make_run: MakeRun) -> None:
    """A verdict without measures shows no empty table."""
    assert measure_table(make_run(changes={"measures": None})) is None


def test_change_has_sign_and_look() -> None:
    """Up, down and unchanged differ in sign, not in colour alone."""
    assert change(0.1, 0.2) == '<span class="up">+0.100</span>'
    assert change(0.2, 0.1) == '<span class="down">−0.100</span>'
    assert change(0.2, 0.2) == '<span class="same">+0.000</span>'
    assert change(None, 0.2) == "<span>–</span>"
