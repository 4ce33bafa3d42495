"""The proof of a split: what its sides share, counted on the sides themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

BY_HASH, OFFICIAL = "components by hash", "official"


@dataclass(frozen=True)
class Certificate:
    """How the sides of a split were made and what they share.

    `sizes`: units (queries, scored pairs or labelled texts) of train, dev and test. `overlaps`: for "train/dev",
    "train/test" and "dev/test", how many "queries", "documents" and "near_duplicates" of the second side are on the
    first too; for scored pairs "queries" are whole pairs and "documents" their sentences. `giant`: rows, share and
    links cut of components too large to be whole on one side, or None. `uncompared`: as `overlaps`, how many texts
    of the second side were not compared with all that look like them on the first, since too many do; 0 is left out.
    `removed`: judgements, negatives or rows taken out of train and dev because of what they share.
    """

    sizes: Mapping[str, int]
    overlaps: Mapping[str, Mapping[str, int]]
    method: str
    seed: int
    shares: tuple[float, float, float]
    components: int
    giant: Mapping[str, float] | None = None
    uncompared: Mapping[str, int] = field(default_factory=dict)
    removed: int = 0
    notes: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether no two sides share anything."""
        return not any(count for pair in self.overlaps.values() for count in pair.values())

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON: split.json."""
        plain = asdict(self)
        return {**plain, "shares": list(self.shares), "notes": list(self.notes), "clean": self.clean}
