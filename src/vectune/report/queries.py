"""The part of the report that shows queries: those that won most by tuning, and those that lost most."""

from __future__ import annotations

from typing import Any

from vectune.report.contents import RunContents
from vectune.report.markup import Html, clean, element
from vectune.report.measures import change
from vectune.report.tables import card, chip
from vectune.report.values import label, mapping, number, score, sequence

_TEXTS = (("relevant", "Relevant"), ("base_top", "Base put first"), ("tuned_top", "Tuned put first"))


def wins(run: RunContents) -> Html | None:
    """The queries that tuning helped most."""
    return _examples(run, "wins", "Won most", "Queries whose score rose most")


def losses(run: RunContents) -> Html | None:
    """The queries that tuning harmed most."""
    return _examples(run, "losses", "Lost most", "Queries whose score fell most")


def _examples(run: RunContents, key: str, title: str, note: str) -> Html | None:
    if key not in run.examples:
        return None
    found = [mapping(entry) for entry in sequence(run.examples.get(key))]
    if not found:
        return card(title, element("p", "There are none.", class_="note"))
    shown = [_example(entry, opened=index == 0) for index, entry in enumerate(found)]
    return card(title, element("div", shown, class_="examples"), note=f"{note}, by {label(run.measure)}.")


def _example(entry: dict[str, Any], *, opened: bool) -> Html:
    base, tuned = number(entry.get("base")), number(entry.get("tuned"))
    scores = element("span", f"{score(base)} → {score(tuned)} ", change(base, tuned), class_="scores")
    query = element("span", str(entry.get("query") or ""), class_="query", dir="auto")
    relevant = clean(str(entry.get("relevant") or ""))
    texts = [_text(name, str(entry.get(key) or ""), key, relevant) for key, name in _TEXTS if entry.get(key)]
    return element("details", element("summary", query, scores), element("dl", texts), open=opened, class_="example")


def _text(name: str, text: str, key: str, relevant: str) -> Html:
    right = key != "relevant" and clean(text) == relevant
    mark = chip("✓ relevant", "good") if right else None
    return element("div", element("dt", name, " ", mark), element("dd", text, dir="auto"))
