"""Line charts as SVG that keeps type and strokes at any width: curves are stretched, text and dots are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vectune.report.bars import figure
from vectune.report.markup import Html, element, fragment
from vectune.report.scale import Scale, around, tick_label, tick_step
from vectune.report.values import score

_HEIGHT = 210
_MOST_POINTS = 320


@dataclass(frozen=True)
class Line:
    """One curve: (x, y) points by x; `look` is the CSS class that colours it; `dots` marks every point."""

    name: str
    look: str
    points: tuple[tuple[float, float], ...]
    dots: bool = False


@dataclass(frozen=True)
class Mark:
    """A point or a place on x worth naming: a ringed dot with `y`, a dashed upright line without."""

    name: str
    x: float
    y: float | None = None


@dataclass(frozen=True)
class Axis:
    """The x axis: its name, and where the values are not numbers in a row, the (place, label) of each."""

    name: str
    labels: tuple[tuple[float, str], ...] = ()


def line_chart(lines: Sequence[Line], axis: Axis, *, title: str, marks: Sequence[Mark] = ()) -> Html:
    """The curves over one x axis with a legend (where there is more than one), the range of y taken from the values."""
    lines = [line for line in lines if line.points]
    start = [] if axis.labels else [0.0]
    across = around([*start, *(x for line in lines for x, _ in line.points)], pad=0.0)
    up = around([y for line in lines for _, y in line.points] + [mark.y for mark in marks if mark.y is not None])
    content = fragment(
        _rulers(up),
        _x_labels(across, axis),
        [_upright(mark, across) for mark in marks if mark.y is None],
        [_curve(line, across, up) for line in lines],
        [_dots(line, across, up) for line in lines if line.dots],
        [_ring(mark, across, up, mark.y) for mark in marks if mark.y is not None],
    )
    words = "; ".join(_in_words(line) for line in lines)
    drawing = figure(content, title=title, description=f"{words}.", height=_HEIGHT + 42, look="lines")
    return fragment(_legend(lines, marks), element("div", drawing, class_="plot"))


def thin(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """At most 320 points: means of neighbours, so that a long run makes no heavy page."""
    size = -(-len(points) // _MOST_POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), size)] if size > 1 else []
    if not groups:
        return tuple(points)
    return tuple((sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups)


def smooth(points: Sequence[tuple[float, float]], weight: float = 0.9) -> tuple[tuple[float, float], ...]:
    """The moving average of y, corrected for its start (Kingma and Ba, 2014, arXiv 1412.6980, section 3)."""
    average, total, made = 0.0, 0.0, []
    for x, y in points:
        average, total = weight * average + (1 - weight) * y, weight * total + (1 - weight)
        made.append((x, average / total))
    return tuple(made)


def _in_words(line: Line) -> str:
    return f"{line.name} from {score(line.points[0][1])} to {score(line.points[-1][1])} in {len(line.points)} points"


def _y(scale: Scale, value: float) -> float:
    return round(_HEIGHT * (1 - scale.share(value)), 2)


def _rulers(up: Scale) -> Html:
    step = tick_step(up.high - up.low, 4)
    return fragment(
        [
            (
                element("line", x1="0", x2="100%", y1=_y(up, tick), y2=_y(up, tick), class_="grid"),
                element("text", tick_label(tick, step), x="-8", y=_y(up, tick) + 4, class_="tick", text_anchor="end"),
            )
            for tick in up.ticks(4)
        ]
    )


def _x_labels(across: Scale, axis: Axis) -> Html:
    step = tick_step(across.high - across.low, 4)
    labels = axis.labels or tuple((tick, tick_label(tick, step)) for tick in across.ticks(4))
    return fragment(
        element("line", x1="0", x2="100%", y1=_HEIGHT, y2=_HEIGHT, class_="axis"),
        [
            element("text", words, x=across.percent(place), y=_HEIGHT + 18, class_="tick", text_anchor="middle")
            for place, words in labels
        ],
        element("text", axis.name, x="100%", y=_HEIGHT + 36, class_="tick", text_anchor="end"),
    )


def _curve(line: Line, across: Scale, up: Scale) -> Html:
    places = " ".join(f"{100 * across.share(x):.2f},{_y(up, y):.1f}" for x, y in line.points)
    stroke = element("polyline", points=places, class_=f"curve {line.look}", vector_effect="non-scaling-stroke")
    return element(
        "svg",
        stroke,
        x="0",
        y="0",
        width="100%",
        height=_HEIGHT,
        viewBox=f"0 0 100 {_HEIGHT}",
        preserveAspectRatio="none",
        class_="stretch",
    )


def _dots(line: Line, across: Scale, up: Scale) -> Html:
    return fragment(
        [
            element(
                "circle",
                element("title", f"{line.name}: {score(y)}"),
                cx=across.percent(x),
                cy=_y(up, y),
                r=3.5,
                class_=f"point {line.look}",
            )
            for x, y in line.points
        ]
    )


def _ring(mark: Mark, across: Scale, up: Scale, y: float) -> Html:
    title = element("title", f"{mark.name}: {score(y)}")
    return element("circle", title, cx=across.percent(mark.x), cy=_y(up, y), r=6.5, class_="ring")


def _upright(mark: Mark, across: Scale) -> Html:
    place = across.percent(mark.x)
    return element("line", element("title", mark.name), x1=place, x2=place, y1=0, y2=_HEIGHT, class_="target")


def _legend(lines: Sequence[Line], marks: Sequence[Mark]) -> Html:
    keys = [element("li", element("i", class_=f"key {line.look}"), line.name) for line in lines]
    keys += [
        element("li", element("i", class_="key ring" if mark.y is not None else "key target"), mark.name)
        for mark in marks
    ]
    return element("ul", keys, class_="legend") if len(keys) > 1 else fragment()
