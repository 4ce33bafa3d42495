"""The look of the report: one style sheet, which is part of the page."""

from __future__ import annotations

from importlib.resources import files

from vectune.report.markup import Html, element

ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' "
    "height='16' rx='4' fill='%232b5fc7'/%3E%3Cpath d='M3 11 7 6l3 3 3-5' fill='none' stroke='white' "
    "stroke-width='1.8'/%3E%3C/svg%3E"
)


def style_sheet() -> Html:
    """The style element with the packaged page.css."""
    css = files("vectune.report").joinpath("page.css").read_text(encoding="utf-8")
    return element("style", Html(css))
