"""What a check found: a stable code, a count, a sentence and a few row numbers to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

EXAMPLES = 5
"""Most row numbers (or pairs of them) that a finding names."""


@dataclass(frozen=True)
class Finding:
    """One thing about the data that its owner should know.

    `code` is stable: unreadable, duplicate_rows, contradicting_scores, contradicting_labels, negative_is_positive,
    near_duplicate_queries, near_duplicate_documents, near_duplicate_texts, uncompared_queries, uncompared_documents,
    uncompared_texts, same_text_two_ids, single_text_labels, only_label, no_relevant_document, truncated_queries,
    truncated_documents, truncated_texts. `count` says how often, `examples` are row numbers of the source (empty where
    the source has none).
    """

    code: str
    count: int
    message: str
    examples: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "examples": list(self.examples)}


def counted(count: int, one: str, many: str) -> str:
    """`1 row` or `1,200 rows`."""
    return f"{count:,} {one if count == 1 else many}"


def in_rows(rows: Sequence[int]) -> str:
    """` (rows 3, 8, 9)`, or nothing where no row number is known."""
    known = [row for row in rows if row > 0][:EXAMPLES]
    if not known:
        return ""
    return f" (row{'s' if len(known) > 1 else ''} {', '.join(map(str, known))})"


def in_row_pairs(pairs: Sequence[tuple[int, int]]) -> str:
    """` (rows 3 and 8, 9 and 12)`, or nothing where no row number is known."""
    known = [f"{left} and {right}" for left, right in pairs if left > 0 and right > 0][:EXAMPLES]
    return f" (rows {', '.join(known)})" if known else ""
