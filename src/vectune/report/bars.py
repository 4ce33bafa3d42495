"""Horizontal bars as SVG that keeps its type size at any width: x in percent, y in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vectune.report.markup import Html, element, fragment
from vectune.report.scale import Scale, around, tick_label, tick_step
from vectune.report.values import score, signed

_ROW = 54


@dataclass(frozen=True)
class Bar:
    """One model's score: `look` is the CSS class that colours it, `ends` its confidence interval if known."""

    name: str
    look: str
    value: float
    ends: tuple[float, float] | None = None


def figure(content: Html, *, title: str, description: str, height: int, look: str = "") -> Html:
    """An SVG drawing `height` pixels high and as wide as there is room, with its words for screen readers."""
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        content,
        role="img",
        class_=f"chart {look}".strip(),
        width="100%",
        height=height,
        aria_label=f"{title}. {description}",
    )


def score_bars(bars: Sequence[Bar], *, title: str, target: float | None = None) -> Html:
    """A bar a model with its whisker, its value and interval in words; dashed marks stand at the target, if any."""
    reach = [end for bar in bars for end in (bar.value, *(bar.ends or ()))] + ([target] if target is not None else [])
    scale = around(reach, zero=True)
    bottom = len(bars) * _ROW + 4
    rows = [
        (_bar_row(bar, scale, index * _ROW), _target_mark(scale, target, index * _ROW))
        for index, bar in enumerate(bars)
    ]
    words = "; ".join(f"{bar.name} {_in_words(bar)}" for bar in bars)
    content = fragment(_grid(scale, bottom), rows)
    return figure(content, title=title, description=words + ".", height=bottom + 24, look="bars")


def _bar_row(bar: Bar, scale: Scale, top: int) -> Html:
    zero = scale.share(0.0)
    left, right = sorted((zero, scale.share(bar.value)))
    middle = top + 35
    return element(
        "g",
        element("text", bar.name, x="0", y=top + 18, class_="name"),
        element("text", _in_words(bar), x="100%", y=top + 18, class_="value", text_anchor="end"),
        element(
            "rect",
            x=f"{100 * left:.2f}%",
            y=middle - 9,
            width=f"{100 * (right - left):.2f}%",
            height=18,
            rx=3,
            class_=f"bar {bar.look}",
        ),
        _whisker(bar.ends, scale, middle) if bar.ends else None,
    )


def _in_words(bar: Bar) -> str:
    return score(bar.value) if bar.ends is None else f"{score(bar.value)}  [{score(bar.ends[0])}, {score(bar.ends[1])}]"


def _whisker(ends: tuple[float, float], scale: Scale, middle: int) -> Html:
    low, high = (scale.percent(end) for end in ends)
    strokes = ((low, high, middle, middle), (low, low, middle - 5, middle + 5), (high, high, middle - 5, middle + 5))
    lines = [
        element("line", x1=x1, x2=x2, y1=y1, y2=y2, class_=look)
        for look in ("halo", "whisker")
        for x1, x2, y1, y2 in strokes
    ]
    return fragment(lines)


def _grid(scale: Scale, bottom: int) -> Html:
    step = tick_step(scale.high - scale.low, 4)
    ticks = scale.ticks(4)
    return fragment(
        [
            (
                element("line", x1=scale.percent(tick), x2=scale.percent(tick), y1=0, y2=bottom, class_="grid"),
                element(
                    "text",
                    tick_label(tick, step),
                    x=scale.percent(tick),
                    y=bottom + 17,
                    class_="tick",
                    text_anchor=_anchor(scale.share(tick)),
                ),
            )
            for tick in ticks
        ]
    )


def _anchor(share: float) -> str:
    return "start" if share < 0.04 else "end" if share > 0.96 else "middle"


def _target_mark(scale: Scale, target: float | None, top: int) -> Html | None:
    if target is None:
        return None
    place = scale.percent(target)
    return element(
        "g",
        element("line", x1=place, x2=place, y1=top + 23, y2=top + 47, class_="target"),
        element("title", f"Target {score(target)}"),
    )


def difference_strip(difference: float, ends: tuple[float, float], smallest: float | None, *, title: str) -> Html:
    """The difference with its interval against zero; the band around zero is what this test is too small to show."""
    band = abs(smallest) if smallest is not None else 0.0
    scale = around([difference, *ends, band, -band, 0.0], pad=0.12)
    zero, low, high = scale.percent(0.0), scale.percent(ends[0]), scale.percent(ends[1])
    wide = f"{100 * (scale.share(ends[1]) - scale.share(ends[0])):.2f}%"
    look = "better" if ends[0] > 0 else "worse" if ends[1] < 0 else "open"
    parts = (
        _band(scale, band) if band else None,
        _grid(scale, 64),
        element("line", x1=zero, x2=zero, y1=0, y2=64, class_="zero"),
        element("text", "worse", x=zero, dx=-7, y=13, class_="tick", text_anchor="end"),
        element("text", "better", x=zero, dx=7, y=13, class_="tick"),
        element("rect", x=low, y=26, width=wide, height=12, rx=6, class_=f"span {look}"),
        [element("line", x1=end, x2=end, y1=22, y2=42, class_=f"end {look}") for end in (low, high)],
        element("circle", cx=scale.percent(difference), cy=32, r=6.5, class_=f"dot {look}"),
    )
    words = f"Difference {signed(difference)}, interval {signed(ends[0])} to {signed(ends[1])}; zero is no change."
    return figure(fragment(*parts), title=title, description=words, height=88, look="strip")


def _band(scale: Scale, band: float) -> Html:
    wide = f"{100 * (scale.share(band) - scale.share(-band)):.2f}%"
    return element("rect", x=scale.percent(-band), y=0, width=wide, height=64, class_="band")


def share_bars(rows: Sequence[tuple[str, float, str]], *, title: str, look: str = "plain") -> Html:
    """Thin bars of (name, size, size in words), the longest as wide as the drawing."""
    largest = max((size for _, size, _ in rows), default=0) or 1
    parts = [
        (
            element("text", name, x="0", y=index * 38 + 13, class_="name small"),
            element("text", words, x="100%", y=index * 38 + 13, class_="value", text_anchor="end"),
            element("rect", x="0", y=index * 38 + 20, width="100%", height=6, rx=3, class_="track"),
            element(
                "rect",
                x="0",
                y=index * 38 + 20,
                width=f"{100 * max(size, 0) / largest:.2f}%",
                height=6,
                rx=3,
                class_=f"bar {look}",
            ),
        )
        for index, (name, size, words) in enumerate(rows)
    ]
    words = "; ".join(f"{name} {size}" for name, _, size in rows) + "."
    return figure(fragment(parts), title=title, description=words, height=len(rows) * 38 - 6, look="shares")
