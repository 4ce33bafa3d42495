"""Results as plain tables for a terminal of 80 columns: words and numbers carry the meaning, colour only helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from vectune.workflows.compare_runs import RunDifference, RunsComparison
    from vectune.workflows.runs import RunsReport

_STYLES = {"ship": "green", "do not ship": "red", "undecided": "yellow"}
_NONE = "-"


def runs_table(report: RunsReport) -> RenderableType:
    """The runs in a list; with a comparison, every measure side by side and the differences below."""
    if not report.runs and not report.skipped:
        return Text("There are no runs yet; `vectune tune FILE` makes one.")
    table = _table(("#", "right"), ("run", "left"), ("verdict", "left"), ("measure", "left"))
    for name in ("base", "tuned", "difference"):
        table.add_column(name, justify="right", no_wrap=True)
    for place, run in enumerate(report.runs, 1):
        change = f"{run.difference:+.3f}\n{_interval(run.interval)}"
        row = (str(place), run.name, run.verdict, run.measure, _score(run.base), _score(run.tuned), change)
        table.add_row(*_row(row))
    parts: list[RenderableType] = [table] if report.runs else []
    parts += [Text(f"skipped {skipped.name}: {skipped.reason}") for skipped in report.skipped]
    if report.comparison is not None:
        parts += [Text(), *_comparison(report.comparison)]
    return Group(*parts)


def verdict_panel(verdict: Mapping[str, Any]) -> RenderableType:
    """The verdict in a frame: the word as its title, the sentence inside."""
    word = str(verdict.get("verdict", "no verdict"))
    style = _STYLES.get(word, "none")
    return Panel(
        Text(str(verdict.get("sentence", ""))), title=Text(word, style="bold"), title_align="left", border_style=style
    )


def measures_table(verdict: Mapping[str, Any]) -> RenderableType:
    """The deciding measure with its intervals and at each dimension, and every measure at full size."""
    found: Mapping[str, Mapping[str, Mapping[str, float]]] = verdict.get("measures") or {}
    table = _table(("measure", "left"), ("dims", "right"))
    models = [name for name in found if any(found[name].values())]
    for name in [*models, "target"]:
        table.add_column(Text(name), justify="right")
    for measure, dim in _measured(found, str(verdict.get("measure", ""))):
        full = dim == _longest(found)
        cells = [_cell(found[name], measure, dim, full) for name in models]
        target = _target(verdict, measure) if full else ""
        table.add_row(*_row((measure, dim, *cells, target)))
    return Group(_deciding(verdict), Text(), table)


def check_table(report_json: Mapping[str, Any]) -> RenderableType:
    """What a check read, kept and left out, what the texts are like, and what it noticed."""
    table = _table(("rows of " + str(report_json.get("source", "the data")), "left"), ("", "right"))
    table.add_row(Text("read"), _count(report_json.get("rows_read")))
    table.add_row(Text("kept"), _count(report_json.get("rows_kept")))
    for reason, amount in (report_json.get("dropped") or {}).items():
        table.add_row(Text(f"  left out: {reason}"), _count(amount))
    parts: list[RenderableType] = [Text(str(line)) for line in report_json.get("said") or ()]
    parts += [Text(), table]
    profile = report_json.get("profile") or {}
    if profile.get("lengths"):
        parts += [Text(), _lengths(profile)]
    if profile.get("languages"):
        parts += [Text(), Text("languages: " + _shares(profile["languages"]))]
    findings = report_json.get("findings") or ()
    if findings:
        parts += [Text(), *(Text(f"! {finding.get('message', '')}") for finding in findings)]
    return Group(*parts)


def _deciding(verdict: Mapping[str, Any]) -> Table:
    sure = f"{verdict.get('confidence') or 0.95:.0%} interval"
    table = _table((str(verdict.get("measure", "measure")), "left"), ("score", "right"), (sure, "right"))
    intervals = verdict.get("intervals") or {}
    for name in ("base", "tuned", "bm25"):
        if verdict.get(name) is not None:
            table.add_row(*_row((name, _score(verdict[name]), _interval(intervals.get(name), signed=False))))
    if verdict.get("difference") is not None:
        change = f"{verdict['difference']:+.3f}"
        table.add_row(*_row(("difference", change, _interval(verdict.get("interval")))))
    if verdict.get("smallest_detectable") is not None:
        units = "with " + _units(verdict.get("queries", 0), verdict.get("clusters"))
        table.add_row(*_row(("detectable from", _score(verdict["smallest_detectable"]), units)))
    general = verdict.get("general") or {}
    if general.get("base") is not None and general.get("tuned") is not None:
        moved = f"(was {general['base']:.3f}, is {general['tuned']:.3f})"
        table.add_row(*_row(("general ability", f"{general['tuned'] - general['base']:+.3f}", moved)))
    return table


def _comparison(comparison: RunsComparison) -> list[RenderableType]:
    table = _table(("measure (tuned)", "left"), ("dims", "right"))
    for place, _ in enumerate(comparison.names, 1):
        table.add_column(Text(f"#{place}"), justify="right")
    for row in comparison.rows:
        table.add_row(*_row((row.measure, str(row.dim), *(_score(score) for score in row.scores))))
    places = {name: place for place, name in enumerate(comparison.names, 1)}
    return [table, Text(), *(Text(_difference(found, places)) for found in comparison.differences)]


def _difference(found: RunDifference, places: Mapping[str, int]) -> str:
    who = f"#{places[found.second]} minus #{places[found.first]}"
    if found.difference is None:
        return f"{who}: no interval, because {found.reason}"
    at = f"{found.measure} at {found.dim}"
    units = _units(found.queries or 0, found.clusters)
    return f"{who}, {at}: {found.difference:+.3f} ({_interval(found.interval)}), {units}"


def _units(units: int, clusters: int | None) -> str:
    return f"{units:,} units" + ("" if clusters is None else f" in {clusters:,} clusters")


def _measured(found: Mapping[str, Mapping[str, Mapping[str, float]]], deciding: str) -> list[tuple[str, str]]:
    """(measure, dimension): the deciding measure at every dimension, then the others at full size."""
    vectors = [found[name] for name in found if name != "bm25"]
    longest = _longest(found)
    keys = dict.fromkeys(
        (measure, dim)
        for by_dim in vectors
        for dim in by_dim
        for measure in by_dim[dim]
        if measure == deciding or dim == longest
    )
    measures = list(dict.fromkeys(measure for measure, _ in keys))
    return sorted(keys, key=lambda key: (key[0] != deciding, measures.index(key[0]), -int(key[1])))


def _longest(found: Mapping[str, Mapping[str, Any]]) -> str:
    return max((dim for name in found if name != "bm25" for dim in found[name]), key=int, default="")


def _cell(by_dim: Mapping[str, Mapping[str, float]], measure: str, dim: str, full: bool) -> str:
    scores = by_dim.get(dim) or (by_dim.get("all") if full else None) or {}
    return _score(scores.get(measure)) if scores else ""


def _target(verdict: Mapping[str, Any], measure: str) -> str:
    target = (verdict.get("targets") or {}).get(measure)
    return "" if not target else f"{target['target']:.2f} {'reached' if target['reached'] else 'missed'}"


def _lengths(profile: Mapping[str, Any]) -> Table:
    names = ("min", "median", "p95", "max")
    table = _table(("words in a", "left"), *((name, "right") for name in names), ("cut by the model", "right"))
    cut = profile.get("truncated") or {}
    for side, found in profile["lengths"].items():
        share = f"{cut[side]:.1%}" if cut.get(side) is not None else _NONE
        table.add_row(*_row((str(side), *(f"{found.get(name, 0):,.0f}" for name in names), share)))
    return table


def _shares(shares: Mapping[str, float]) -> str:
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {share:.0%}" for name, share in ordered[:6])


def _table(*columns: tuple[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    for name, justify in columns:
        table.add_column(Text(name), justify=justify, overflow="fold")
    return table


def _row(cells: Sequence[str]) -> list[Text]:
    """Cells as they are: no text of the data is taken as colour markup."""
    return [Text(cell) for cell in cells]


def _score(value: float | None) -> str:
    return _NONE if value is None else f"{value:.3f}"


def _count(value: int | None) -> Text:
    return Text(_NONE if value is None else f"{value:,}")


def _interval(ends: Sequence[float] | None, *, signed: bool = True) -> str:
    if not ends:
        return ""
    low, high = (f"{end:+.3f}" if signed else f"{end:.3f}" for end in ends)
    return f"{low} to {high}"
