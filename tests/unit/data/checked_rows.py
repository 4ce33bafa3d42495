"""Rows through the checks in a few words, for tests."""

from __future__ import annotations

from collections.abc import Sequence

from vectune.config import DataConfig
from vectune.data.profile import Limits
from vectune.data.read import RowStream
from vectune.data.roles import Roles
from vectune.data.row_check import Examined, examine
from vectune.data.row_decisions import outcomes
from vectune.records import Dropped, Kind, Row


class Held(list[Row | Dropped]):
    """Keeps items in memory."""

    def add(self, items: Sequence[Row | Dropped]) -> None:
        self.extend(items)


def stream_of(items: Sequence[Row | Dropped], kind: Kind) -> RowStream:
    return RowStream(Roles(kind, "made by hand", {}), lambda: iter(items), "rows.jsonl")


def examined(
    items: Sequence[Row | Dropped], kind: Kind, config: DataConfig | None = None, limits: Limits | None = None
) -> tuple[Examined, list[Row], list[Dropped]]:
    """What the checks found, the rows that stay, and all that went."""
    held = Held()
    found = examine(stream_of(items, kind), "rows.jsonl", config or DataConfig(), held, limits or Limits())
    after = list(outcomes(held, found.decisions))
    kept = [item for item in after if not isinstance(item, Dropped)]
    return found, kept, [item for item in after if isinstance(item, Dropped)]


def codes(found: Examined) -> dict[str, int]:
    return {finding.code: finding.count for finding in found.report.findings}
