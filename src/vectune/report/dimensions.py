"""The part of the report about Matryoshka dimensions: what shorter vectors cost."""

from __future__ import annotations

from vectune.report.contents import RunContents
from vectune.report.judgement import NAMES
from vectune.report.lines import Axis, Line, line_chart
from vectune.report.markup import Content, Html, element, fragment
from vectune.report.measures import change
from vectune.report.tables import Column, card, table
from vectune.report.values import NONE, count, in_order, label, percent, score

_FLOAT_BYTES = 4


def dimension_chart(run: RunContents) -> Html | None:
    """The deciding measure over the dimensions."""
    dims = sorted(run.dims())
    if len(dims) < 2:
        return None
    lines = [Line(NAMES[model], model, _curve(run, model, dims), dots=True) for model in ("base", "tuned")]
    axis = Axis("dimensions", tuple((float(place), str(dim)) for place, dim in enumerate(dims)))
    title = f"{label(run.measure)} by dimension"
    return card(
        title, line_chart(lines, axis, title=title), note="Vectors cut to their first dimensions and scaled again."
    )


def _curve(run: RunContents, model: str, dims: list[int]) -> tuple[tuple[float, float], ...]:
    scores = [(place, run.measured(model, run.measure, dim)) for place, dim in enumerate(dims)]
    return tuple((float(place), value) for place, value in scores if value is not None)


def dimension_table(run: RunContents) -> Html | None:
    """Base, tuned and difference at each dimension, with the share of the full score and the size of a vector."""
    dims = run.dims()
    if len(dims) < 2:
        return None
    columns = [Column("Dims", numeric=False), *map(Column, ("Base", "Tuned", "Diff.", "Kept", "Bytes"))]
    full = run.measured("tuned", run.measure)
    rows: list[list[Content]] = []
    for dim in dims:
        base, tuned = run.measured("base", run.measure, dim), run.measured("tuned", run.measure, dim)
        kept = percent(tuned / full) if tuned is not None and full else NONE
        row: list[Content] = [str(dim), score(base), element("b", score(tuned)), change(base, tuned), kept]
        rows.append([*row, count(dim * _FLOAT_BYTES)])
    note = f"{label(run.measure)} on test. Kept: share of the tuned model's full score. Bytes: one float32 vector."
    shown = table(columns, rows, caption=f"{label(run.measure)} at each dimension", strong=0)
    return card("What shorter vectors cost", shown, _everything(run, dims), note=note)


def _everything(run: RunContents, dims: list[int]) -> Html:
    scores = run.measures_of("tuned")
    names = in_order({name for found in scores.values() for name in found}, run.measure)
    if len(names) < 2:
        return fragment()
    columns = [Column("Measure", numeric=False), *(Column(str(dim)) for dim in dims)]
    rows: list[list[Content]] = [[label(name), *(_cell(run, name, dim) for dim in dims)] for name in names]
    shown = table(columns, rows, caption="Every measure at every dimension: tuned above, base below")
    return element("details", element("summary", "Every measure at every dimension"), shown)


def _cell(run: RunContents, name: str, dim: int) -> Html:
    below = element("span", score(run.measured("base", name, dim)), class_="below")
    return fragment(element("b", score(run.measured("tuned", name, dim))), below)
