"""Tables of the report: a plain grid with headings that screen readers follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vectune.report.markup import Content, Html, element, fragment


@dataclass(frozen=True)
class Column:
    """A column: its heading, and whether it holds numbers (aligned right, digits of one width)."""

    heading: Content
    numeric: bool = True


def table(columns: Sequence[Column], rows: Sequence[Sequence[Content]], *, caption: str, strong: int = -1) -> Html:
    """A table whose first column heads the rows; `strong` is the row that stands out. Scrolls alone where too wide."""
    head = element("tr", [element("th", column.heading, scope="col", class_=_look(column)) for column in columns])
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            [element("td", cell, class_=_look(column)) for column, cell in zip(columns[1:], row[1:], strict=True)],
            class_="strong" if index == strong else None,
        )
        for index, row in enumerate(rows)
    ]
    parts = fragment(element("caption", caption), element("thead", head), element("tbody", body))
    return element("div", element("table", parts), class_="scroll", tabindex="0", role="region", aria_label=caption)


def _look(column: Column) -> str | None:
    return "n" if column.numeric else None


def chip(words: str, look: str) -> Html:
    """A small label; `look` (good, bad, open, plain) colours it, the words say the same."""
    return element("span", words, class_=f"chip {look}")


def tile(name: str, value: str, under: Content = None, look: str = "") -> Html:
    """A number that stands alone: what it is, the number, and a line under it."""
    return element(
        "div",
        element("div", name, class_="tile-name"),
        element("div", value, class_="tile-value"),
        element("div", under, class_="tile-under") if under else None,
        class_=f"tile {look}".strip(),
    )


def fact_list(facts: Sequence[tuple[str, Content]]) -> Html:
    """Names and values, one a line."""
    return element(
        "dl", [element("div", element("dt", name), element("dd", value)) for name, value in facts], class_="facts"
    )


def card(title: str, *contents: Content, note: Content = None, look: str = "", **more: str) -> Html:
    """A card with its heading, an explaining line and what it shows."""
    return element(
        "section",
        element("h3", title),
        element("p", note, class_="note") if note else None,
        *contents,
        class_=f"card {look}".strip(),
        **more,
    )


def group(title: str, name: str, *cards: Html | None, flow: bool = False) -> Html:
    """Cards under one heading, side by side where there is room; nothing where there are none.

    With `flow` they stand in two columns, each as high as it needs to be, instead of in rows of one height.
    """
    shown = [part for part in cards if part]
    if not shown:
        return fragment()
    return element(
        "section",
        element("h2", title),
        element("div", shown, class_="flow" if flow else "row"),
        class_="group",
        id=name,
    )
