"""The report: one self-contained HTML page from the files of a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vectune.report import colophon, data_cards, dimensions, judgement, measures, queries, training
from vectune.report.contents import RunContents, read_contents
from vectune.report.markup import Html, element
from vectune.report.style import ICON, style_sheet
from vectune.report.tables import group

# The page holds texts of unknown origin: beyond the escaping, a browser is told to run and to load nothing.
_FLOWING = ("judgement", "data")  # parts whose cards differ much in height
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def render_report(folder: Path) -> str:
    """The run at `folder` as one HTML page that asks for nothing from outside.

    Only verdict.json must be there; every other file of the run folder adds its cards when it is. Raises NotFound
    without a verdict.json, StorageError when it is damaged.
    """
    run = read_contents(folder)
    groups = _groups(run)
    main = element("main", judgement.hero(run), colophon.unreadable(run), [part for _, _, part in groups])
    body = element("body", _header(run), _navigation(groups), main, _footer(run))
    return f"<!doctype html>\n{element('html', _head(run), body, lang='en')}\n"


def _head(run: RunContents) -> Html:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{run.name} · vectune"),
        element("link", rel="icon", href=ICON),
        style_sheet(),
    )


def _header(run: RunContents) -> Html:
    about = [run.base_model, str(run.verdict.get("kind") or ""), str(run.data.get("source") or "")]
    return element(
        "header",
        element("p", "vectune report", class_="brand"),
        element("h1", run.name),
        element("p", [element("span", part) for part in about if part], class_="about"),
    )


def _groups(run: RunContents) -> list[tuple[str, str, Html]]:
    """(title, anchor, markup) of each part of the page; the markup is empty where the run has nothing to show."""
    parts = {
        ("Judgement", "judgement"): (
            judgement.before_after(run),
            judgement.difference(run),
            measures.measure_table(run),
            judgement.general(run),
        ),
        ("Dimensions", "dimensions"): (dimensions.dimension_chart(run), dimensions.dimension_table(run)),
        ("Training", "training"): (
            training.no_training(run),
            training.loss_chart(run),
            training.dev_chart(run),
            training.mix_chart(run),
            training.pace(run),
        ),
        ("Queries", "queries"): (queries.wins(run), queries.losses(run)),
        ("Data", "data"): (
            data_cards.overview(run),
            data_cards.dropped(run),
            data_cards.certificate(run),
            data_cards.languages(run),
            data_cards.lengths(run),
            data_cards.findings(run),
        ),
        ("Run", "run"): (colophon.timings(run), colophon.versions(run), colophon.settings(run)),
    }
    return [(title, name, group(title, name, *cards, flow=name in _FLOWING)) for (title, name), cards in parts.items()]


def _navigation(groups: Sequence[tuple[str, str, Html]]) -> Html:
    links = [element("a", title, href=f"#{name}") for title, name, part in groups if part]
    return element("nav", links, aria_label="Parts of the report")


def _footer(run: RunContents) -> Html:
    version = str(run.verdict.get("vectune") or "")
    return element("footer", f"Made by vectune {version}".strip(), " · one file, nothing is loaded from outside")
