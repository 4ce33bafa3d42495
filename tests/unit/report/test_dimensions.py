from __future__ import annotations

from tests.unit.report.conftest import MakeRun
from tests.unit.report.outline import Outline
from vectune.report.dimensions import dimension_chart, dimension_table


def test_table_tells_what_each_dimension_keeps_and_costs(make_run: MakeRun) -> None:
    """At 32 dims the tuned model keeps 87 % of its score in 128 bytes a vector."""
    texts = Outline(dimension_table(make_run()) or "").texts
    row = texts[texts.index("32") :][:6]
    assert row == ["32", "0.213", "0.446", "+0.233", "87 %", "128"]


def test_every_measure_is_there_at_every_dimension(make_run: MakeRun) -> None:
    """The folded table has seven measures by five dimensions, tuned and base in each cell."""
    outline = Outline(dimension_table(make_run()) or "")
    assert len(outline.all("details")) == 1
    assert len(outline.all("span", class_="below")) == 35


def test_chart_has_a_curve_a_model(make_run: MakeRun) -> None:
    """Base and tuned are two curves of five dots over named dimensions."""
    outline = Outline(dimension_chart(make_run()) or "")
    assert len(outline.all("polyline")) == 2
    assert len(outline.all("circle")) == 10
    assert {"32", "64", "128", "256", "384"} <= set(outline.texts)


def test_one_dimension_needs_neither(make_run: MakeRun) -> None:
    """A model without shorter vectors has no such part."""
    run = make_run(dims=(384,))
    assert dimension_chart(run) is None
    assert dimension_table(run) is None


def test_base_at_full_size_only_is_shown_with_gaps(make_run: MakeRun) -> None:
    """Where the base was not judged at a dimension, a dash stands."""
    measures = {"base": {"384": {"ndcg@10": 0.3}}, "tuned": {"384": {"ndcg@10": 0.5}, "64": {"ndcg@10": 0.4}}}
    texts = Outline(dimension_table(make_run(changes={"measures": measures})) or "").texts
    assert texts[texts.index("64") :][:4] == ["64", "–", "0.400", "–"]
