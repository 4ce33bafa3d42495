"""HTML and SVG that is safe by construction: text is escaped unless this module made it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_VOID = frozenset({"meta", "link", "br", "hr", "img"})


class Html(str):
    """Markup that is ready to stand in a page; everything else that is a str gets escaped."""

    __slots__ = ()


Content = str | int | None | Iterable["Content"]
"""What an element may hold: markup, text to escape, whole numbers, nothing, or any sequence of these."""


def clean(text: str) -> str:
    """`text` without what no page may hold: control characters and lone surrogates become U+FFFD."""
    return _UNPRINTABLE.sub("�", text)


def escape(text: str) -> Html:
    """`text` as it reads, safe inside an element and inside a quoted attribute."""
    return Html(html.escape(clean(text), quote=True))


def fragment(*contents: Content) -> Html:
    """`contents` one after another."""
    return Html("".join(_pieces(contents)))


def element(tag: str, *contents: Content, **attributes: str | float | bool | None) -> Html:
    """`<tag attributes>contents</tag>`.

    Attribute names lose a trailing underscore (`class_`) and have hyphens for the inner ones (`aria_label`). None and
    False leave the attribute out, True gives it no value.
    """
    opening = f"<{tag}{''.join(_attribute(name, value) for name, value in attributes.items())}>"
    return Html(opening) if tag in _VOID else Html(f"{opening}{fragment(*contents)}</{tag}>")


def prose(text: str) -> Html:
    """A sentence of ours, whose words between backticks are set as code."""
    return fragment([element("code", part) if odd % 2 else part for odd, part in enumerate(text.split("`"))])


def _attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    return f' {name}="{escape(f"{value:.6g}" if isinstance(value, float) else str(value))}"'


def _pieces(content: Content) -> Iterable[str]:
    if content is None:
        return
    if isinstance(content, Html):
        yield content
    elif isinstance(content, str | int):
        yield escape(str(content))
    else:
        for part in content:
            yield from _pieces(part)
