"""The part of the report about the data: what was read, kept and dropped, and the certificate of the split."""

from __future__ import annotations

from typing import Any

from vectune.report.bars import share_bars
from vectune.report.contents import RunContents
from vectune.report.markup import Content, Html, element, fragment, prose
from vectune.report.tables import Column, card, chip, fact_list, table, tile
from vectune.report.values import NONE, count, mapping, number, percent, sequence

_LENGTHS = (("min", "Shortest"), ("median", "Median"), ("p95", "95 %"), ("max", "Longest"))
_LEAKS = (("queries", "Queries"), ("documents", "Documents"), ("near_duplicates", "Near-duplicates"))


def overview(run: RunContents) -> Html | None:
    """Rows read, kept and dropped, what was understood, and how long the texts are."""
    if not run.data:
        return None
    data, profile = run.data, mapping(run.data.get("profile"))
    read, kept = number(data.get("rows_read")), number(data.get("rows_kept"))
    dropped = sum(number(amount) or 0 for amount in mapping(data.get("dropped")).values())
    tiles = [
        tile("Rows read", count(read)),
        tile("Rows kept", count(kept), percent(kept / read) if read and kept is not None else None),
        tile("Left out", count(dropped)),
        *_truncated(mapping(profile.get("truncated"))),
    ]
    said = element("ul", [element("li", prose(str(line))) for line in sequence(data.get("said"))], class_="said-list")
    shape = f", read as {data['shape']}" if data.get("shape") else ""
    note = fragment(element("span", str(data.get("source") or "The data"), class_="mono"), shape)
    tiled = element("div", tiles, class_="tiles")
    return card("What was read", tiled, said, _fingerprint(data), note=note, look="wide")


def _truncated(shares: dict[str, Any]) -> list[Html]:
    """A tile for the side that is cut most often; the other sides stand below."""
    found = sorted(((number(share) or 0.0, side) for side, share in shares.items()), reverse=True)
    if not found:
        return []
    under = ", ".join(f"{side} {percent(share)}" for share, side in found)
    return [tile("Cut at the model's limit", percent(found[0][0]), under)]


def _fingerprint(data: dict[str, Any]) -> Html | None:
    if not data.get("fingerprint"):
        return None
    return element(
        "p", "Fingerprint of the data: ", element("span", str(data["fingerprint"]), class_="mono"), class_="note"
    )


def dropped(run: RunContents) -> Html | None:
    """What was left out, by reason."""
    found = {str(name): number(amount) or 0 for name, amount in mapping(run.data.get("dropped")).items()}
    if not run.data:
        return None
    if not found:
        return card("Left out", element("p", "Every row was kept.", class_="note"))
    rows = [(name, amount, count(amount)) for name, amount in sorted(found.items(), key=lambda item: -item[1])]
    return card(
        "Left out, by reason", share_bars(rows, title="Rows left out by reason"), note="Each is in dropped.jsonl."
    )


def languages(run: RunContents) -> Html | None:
    """The mix of languages."""
    found = mapping(mapping(run.data.get("profile")).get("languages"))
    shares = sorted(((number(share) or 0.0, str(name)) for name, share in found.items()), reverse=True)
    if not shares:
        return None
    rows = [(name, share, percent(share)) for share, name in shares[:8]]
    return card(
        "Languages", share_bars(rows, title="Languages of the texts"), note="As the text itself tells, by sample."
    )


def lengths(run: RunContents) -> Html | None:
    """How many words the texts have: shortest, middle, 95th percentile, longest."""
    sides = mapping(mapping(run.data.get("profile")).get("lengths"))
    if not sides:
        return None
    columns = [Column("Words", numeric=False), *(Column(name) for _, name in _LENGTHS)]
    rows: list[list[Content]] = [
        [str(side).capitalize(), *(count(number(mapping(found).get(key))) for key, _ in _LENGTHS)]
        for side, found in sides.items()
    ]
    return card("Length of the texts", table(columns, rows, caption="Words in a text"), note="Words in a text.")


def findings(run: RunContents) -> Html | None:
    """What the checks noticed."""
    found = [mapping(entry) for entry in sequence(run.data.get("findings"))]
    if not found:
        return None
    items = [element("li", prose(str(entry.get("message") or entry.get("code") or ""))) for entry in found]
    return card("Noticed by the checks", element("ul", items, class_="findings"))


def certificate(run: RunContents) -> Html | None:
    """The leak certificate: what any two of train, dev and test share."""
    overlaps = {name: mapping(found) for name, found in mapping(run.split.get("overlaps")).items()}
    if not run.split:
        return None
    leaks = sum(int(number(amount) or 0) for found in overlaps.values() for amount in found.values())
    columns = [Column("Between", numeric=False), *(Column(name) for _, name in _LEAKS)]
    rows: list[list[Content]] = [
        [name.replace("/", " and "), *(count(number(found.get(key))) for key, _ in _LEAKS)]
        for name, found in overlaps.items()
    ]
    state = chip("✓ no overlap", "good") if not leaks else chip(f"✕ {count(leaks)} overlaps", "bad")
    sizes = [tile(name.capitalize(), count(number(size))) for name, size in mapping(run.split.get("sizes")).items()]
    notes = [element("li", str(note)) for note in sequence(run.split.get("notes"))]
    return card(
        "Leak certificate",
        element("div", sizes, class_="tiles small"),
        table(columns, rows, caption="What two splits share") if rows else None,
        element("p", state, class_="under-chart"),
        fact_list(_split_facts(run.split)),
        element("ul", notes, class_="said-list") if notes else fragment(),
        note="Rows that share a query, a document or a near-duplicate stay on one side.",
    )


def _split_facts(split: dict[str, Any]) -> list[tuple[str, Content]]:
    facts: list[tuple[str, Content]] = [("Method", str(split.get("method") or NONE))]
    if number(split.get("components")) is not None:
        facts.append(("Connected components", count(number(split.get("components")))))
    giant = mapping(split.get("giant"))
    if giant:
        facts.append(
            ("Giant component", "; ".join(f"{key.replace('_', ' ')} {_size(value)}" for key, value in giant.items()))
        )
    if number(split.get("removed")):
        facts.append(("Taken out of train and dev", count(number(split.get("removed")))))
    return facts


def _size(value: object) -> str:
    """A count, or a share as a percentage."""
    found = number(value)
    return percent(found) if found is not None and 0 < found < 1 else count(found)
