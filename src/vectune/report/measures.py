"""The table of every measure at full size, and how a change of a score looks."""

from __future__ import annotations

from vectune.report.contents import RunContents
from vectune.report.markup import Content, Html, element, fragment
from vectune.report.tables import Column, card, chip, table
from vectune.report.values import NONE, in_order, label, mapping, number, score, signed

_SEEN = 0.0005  # smaller changes are none with three decimals


def measure_table(run: RunContents) -> Html | None:
    """Every measure at full size: base, tuned, difference, further models, BM25, and targets reached or missed."""
    found = run.measures_of("base"), run.measures_of("tuned")
    names = in_order({name for model in found for scores in model.values() for name in scores}, run.measure)
    if not names:
        return None
    targets = mapping(run.verdict.get("targets"))
    beside = run.others() + ["bm25"] * run.judged_by_bm25()
    columns = [Column("Measure", numeric=False), Column("Base"), Column("Tuned"), Column("Diff.")]
    columns += [Column("BM25" if model == "bm25" else model) for model in beside]
    columns += [Column("Target")] * bool(targets)
    rows: list[list[Content]] = []
    for name in names:
        base, tuned = run.measured("base", name), run.measured("tuned", name)
        row: list[Content] = [label(name), score(base), element("b", score(tuned)), change(base, tuned)]
        row += [score(run.measured(model, name)) for model in beside]
        row += [_target(mapping(targets.get(name)))] * bool(targets)
        rows.append(row)
    note = "Full-size vectors on test. The first row decides." + (" ✓ target reached, ✕ missed." if targets else "")
    strong = names.index(run.measure) if run.measure in names else -1
    return card("All measures", table(columns, rows, caption="All measures at full size", strong=strong), note=note)


def change(base: float | None, tuned: float | None) -> Html:
    """A difference with its sign, coloured by it."""
    if base is None or tuned is None:
        return element("span", NONE)
    delta = tuned - base
    look = "up" if delta > _SEEN else "down" if delta < -_SEEN else "same"
    return element("span", signed(delta), class_=look)


def _target(target: dict[str, object]) -> Content:
    aim = number(target.get("target"))
    if aim is None:
        return NONE
    reached = bool(target.get("reached"))
    words = fragment(
        element("span", "✓" if reached else "✕", aria_hidden="true"),
        element("span", "reached " if reached else "missed ", class_="unseen"),
        f" {aim:.2f}",
    )
    return chip(words, "good" if reached else "plain")
