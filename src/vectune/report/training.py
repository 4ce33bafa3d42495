"""The part of the report about training: loss, dev score, the mix with the base weights, and the pace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vectune.report.contents import RunContents
from vectune.report.lines import Axis, Line, Mark, line_chart, smooth, thin
from vectune.report.markup import Content, Html, element
from vectune.report.tables import card, fact_list
from vectune.report.values import count, duration, label, mapping, number, percent, score

_SMOOTH_FROM = 30
_LOSSES = {
    "info_nce": "InfoNCE",
    "triplet": "Triplet",
    "cosent": "CoSENT",
    "supervised_contrastive": "Supervised contrastive",
    "listwise_kl": "Listwise KL",
    "margin_mse": "Margin-MSE",
}

Points = list[tuple[float, float]]


def loss_chart(run: RunContents) -> Html | None:
    """The training loss, as it came and smoothed."""
    points = _points(run.events("train"), "loss")
    if len(points) < 2:
        return None
    lines = [Line("Loss", "tuned", thin(points))]
    if len(points) >= _SMOOTH_FROM:
        lines = [Line("Each step", "pale", thin(points)), Line("Smoothed", "tuned", thin(smooth(points)))]
    axis = Axis(_x_name(run.events("train")))
    return card(
        "Training loss", line_chart(lines, axis, title="Training loss"), note="Lower is better; it selects nothing."
    )


def dev_chart(run: RunContents) -> Html | None:
    """The score on dev, which selects the weights, with the best one ringed."""
    events = run.events("dev")
    points = _points(events, "score")
    if not points:
        return None
    measure = label(str(events[0].get("measure") or run.measure))
    x, y = max(points, key=lambda point: point[1])
    lines = [Line(f"Dev {measure}", "tuned", thin(points), dots=len(points) <= 60)]
    marks = [Mark(f"Best: {score(y)}", x, y)]
    drawing = line_chart(lines, Axis(_x_name(events)), title=f"Dev {measure}", marks=marks)
    return card(f"Dev {measure}", drawing, note="Judged while training; the best weights were kept.")


def mix_chart(run: RunContents) -> Html | None:
    """The dev score of each mix of base and tuned weights, and the mix that was taken."""
    points = sorted(_pairs(run.events("interpolation"), "share", "score"))
    if len(points) > 1:
        points = [(0.0, value) for _, value in _pairs(_before(run), "step", "score")[:1]] + points
    chosen = number(run.verdict.get("interpolation"))
    if not points:
        return None
    taken = f"Taken: {percent(chosen)} tuned" if chosen is not None else ""
    title = "Mix of base and tuned weights"
    note = "Mixing in some base weights guards what the model knew; dev decided."
    if len(points) == 1:
        return card(title, fact_list([(f"{percent(points[0][0])} tuned", score(points[0][1]))]), note=note)
    best = dict(points).get(chosen) if chosen is not None else None
    marks = [Mark(taken, chosen, best)] if chosen is not None and best is not None else []
    axis = Axis("share of the tuned weights", tuple((share, percent(share)) for share, _ in points))
    lines = [Line("Dev score", "tuned", tuple(points), dots=True)]
    return card(title, line_chart(lines, axis, title=title, marks=marks), note=note)


def pace(run: RunContents) -> Html | None:
    """Steps, epochs, speed and the final loss."""
    events = run.events("train")
    if not events:
        return None
    last, speeds = events[-1], [value for _, value in _points(events, "rows_per_second")]
    rates, losses = [value for _, value in _points(events, "learning_rate")], _points(events, "loss")
    facts: list[tuple[str, Content]] = [
        *_recipe(mapping(run.verdict.get("recipe"))),
        ("Steps", count(number(last.get("step")))),
        ("Epochs", _plain(number(last.get("epoch")))),
        ("Rows a second (median)", _plain(sorted(speeds)[len(speeds) // 2] if speeds else None)),
        ("Highest learning rate", f"{max(rates):.2g}" if rates else "–"),
        ("Last loss (smoothed)", score(smooth(losses)[-1][1] if losses else None)),
        ("Time in training steps", duration(number(last.get("seconds")))),
    ]
    return card("Recipe and pace", fact_list(facts))


def _recipe(recipe: dict[str, Any]) -> list[tuple[str, Content]]:
    facts: list[tuple[str, Content]] = []
    if recipe.get("loss"):
        facts.append(("Loss", _LOSSES.get(str(recipe["loss"]), str(recipe["loss"]))))
    facts += [(role.title(), str(recipe[role])) for role in ("teacher", "guide") if recipe.get(role)]
    if number(recipe.get("batch_size")) is not None:
        facts.append(("Batch size", count(number(recipe["batch_size"]))))
    return facts


def stages(run: RunContents) -> list[tuple[str, float]]:
    """(stage, seconds) in the order they ran: from the verdict, or else from the metric log."""
    named = run.verdict.get("seconds")
    found = list(named.items()) if isinstance(named, dict) else []
    found = found or [(entry.get("name"), entry.get("seconds")) for entry in run.events("stage")]
    return [(str(name), value) for name, seconds in found if (value := number(seconds)) is not None]


def _before(run: RunContents) -> list[dict[str, Any]]:
    """Dev as the base weights score it: judged before the first step."""
    return [entry for entry in run.events("dev") if entry.get("step") == 0]


def _x_name(events: Sequence[dict[str, Any]]) -> str:
    return "epoch" if all(number(entry.get("epoch")) is not None for entry in events) else "step"


def _points(events: Sequence[dict[str, Any]], key: str) -> Points:
    return _pairs(events, _x_name(events), key)


def _pairs(events: Sequence[dict[str, Any]], x_key: str, y_key: str) -> Points:
    found = [(number(entry.get(x_key)), number(entry.get(y_key))) for entry in events]
    return [(x, y) for x, y in found if x is not None and y is not None]


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def no_training(run: RunContents) -> Html | None:
    """A line in place of the curves where something was judged but nothing trained."""
    if run.metrics:
        return None
    return card("Training", element("p", "This folder holds a judgement only: no training was logged.", class_="note"))
