"""What there is to say about rows, from their facts and fates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vectune.data.findings import EXAMPLES, Finding, counted, in_row_pairs, in_rows
from vectune.data.near_duplicates import Links
from vectune.data.profile import Limits
from vectune.data.row_decisions import (
    DUPLICATE,
    LABELS_CONTRADICT,
    NO_NEGATIVE_LEFT,
    SCORES_APART,
    SCORES_CONTRADICT,
    Decisions,
)
from vectune.data.row_facts import RowFacts
from vectune.data.sides import Side
from vectune.records import Kind

PLURAL = {"query": "queries", "document": "documents", "text": "texts"}


def row_findings(facts: RowFacts, decisions: Decisions) -> tuple[Finding, ...]:
    """Findings about whole rows, worst first: contradictions, wrong negatives, repeats, near-duplicates, labels."""
    found = [
        _contradictions(facts, decisions, SCORES_CONTRADICT),
        _contradictions(facts, decisions, LABELS_CONTRADICT),
        _known_positives(facts, decisions),
        _duplicates(facts, decisions),
        *(near for side in facts.sides.values() for near in _near_duplicates(facts, decisions, side)),
        _single_labels(facts, decisions),
        _only_label(facts, decisions),
    ]
    return tuple(finding for finding in found if finding is not None)


def near_duplicate_findings(name: str, links: Links, rows: NDArray[np.int64]) -> tuple[Finding, ...]:
    """How many texts of a side are near-duplicates of an earlier one, and how many may be without having been compared
    with all; `rows` int64 [n] are the texts' row numbers."""
    found = (_linked(name, links, rows), _uncompared(name, links.unfinished))
    return tuple(finding for finding in found if finding is not None)


def _linked(name: str, links: Links, rows: NDArray[np.int64]) -> Finding | None:
    if not len(links):
        return None
    pairs = sorted(zip(rows[links.left].tolist(), rows[links.right].tolist(), strict=True))[:EXAMPLES]
    one, many = f"{name} is a near-duplicate", f"{PLURAL[name]} are near-duplicates"
    message = f"{counted(len(links), one, many)} of another and kept{in_row_pairs(pairs)}"
    examples = tuple(row for pair in pairs for row in pair if row > 0)
    return Finding(f"near_duplicate_{PLURAL[name]}", len(links), message, examples)


def _uncompared(name: str, count: int) -> Finding | None:
    if not count:
        return None
    what = counted(count, f"{name} looks", f"{PLURAL[name]} look")
    message = f"{what} like too many others to be compared with all: near-duplicates may have been missed there"
    return Finding(f"uncompared_{PLURAL[name]}", count, message)


def truncation_findings(truncated: Mapping[str, float] | None, limits: Limits) -> tuple[Finding, ...]:
    """One finding a side of which more than one text in a hundred would be cut; `count` is in per cent."""
    return tuple(
        Finding(
            f"truncated_{PLURAL[name]}",
            round(100 * share),
            f"about {share:.0%} of the {PLURAL[name]} are over the model's {limits.max_tokens} tokens and will be cut",
        )
        for name, share in (truncated or {}).items()
        if share > 0.01
    )


def _rows(facts: RowFacts, decisions: Decisions, fate: int) -> tuple[int, tuple[int, ...]]:
    places = np.flatnonzero(decisions.fate == fate)
    return len(places), tuple(facts.numbers()[places[:EXAMPLES]].tolist())


def _contradictions(facts: RowFacts, decisions: Decisions, fate: int) -> Finding | None:
    count, rows = _rows(facts, decisions, fate)
    if not count:
        return None
    if fate == SCORES_CONTRADICT:
        why = f"give one pair of texts scores more than {SCORES_APART} apart (on 0 to 1)"
        return Finding("contradicting_scores", count, f"{count:,} rows {why}: all dropped{in_rows(rows)}", rows)
    message = f"{count:,} rows give one text different labels: all dropped{in_rows(rows)}"
    return Finding("contradicting_labels", count, message, rows)


def _known_positives(facts: RowFacts, decisions: Decisions) -> Finding | None:
    dropped = np.flatnonzero(decisions.fate == NO_NEGATIVE_LEFT)
    places = np.sort(np.concatenate((dropped, np.array(sorted(decisions.lost), np.int64))))
    if not len(places):
        return None
    count = len(dropped) + sum(map(len, decisions.lost.values()))
    rows = tuple(facts.numbers()[places[:EXAMPLES]].tolist())
    what = counted(count, "negative is a known positive", "negatives are known positives")
    gone = f"; {counted(len(dropped), 'triplet', 'triplets')} went with them" if len(dropped) else ""
    return Finding("negative_is_positive", count, f"{what} of the same anchor: removed{gone}{in_rows(rows)}", rows)


def _duplicates(facts: RowFacts, decisions: Decisions) -> Finding | None:
    count, rows = _rows(facts, decisions, DUPLICATE)
    if not count:
        return None
    what = counted(count, "row repeats an earlier one", "rows repeat an earlier one")
    return Finding("duplicate_rows", count, f"{what}: dropped{in_rows(rows)}", rows)


def _near_duplicates(facts: RowFacts, decisions: Decisions, side: Side) -> tuple[Finding, ...]:
    owners = side.owners()
    return near_duplicate_findings(side.name, side.near_duplicates(decisions.kept[owners]), facts.numbers()[owners])


def _single_labels(facts: RowFacts, decisions: Decisions) -> Finding | None:
    if facts.kind is not Kind.LABELLED:
        return None
    labels, kept = facts.labels(), decisions.kept
    counts = np.bincount(labels[kept], minlength=int(labels.max(initial=0)) + 1)
    lonely = np.flatnonzero(kept & (counts[labels] == 1))
    if not len(lonely):
        return None
    rows = tuple(facts.numbers()[lonely[:EXAMPLES]].tolist())
    message = f"{counted(len(lonely), 'label has', 'labels have')} one text only and can't be judged{in_rows(rows)}"
    return Finding("single_text_labels", len(lonely), message, rows)


def _only_label(facts: RowFacts, decisions: Decisions) -> Finding | None:
    if facts.kind is not Kind.LABELLED:
        return None
    kept = facts.labels()[decisions.kept]
    if len(kept) < 2 or (kept != kept[0]).any():
        return None
    message = f"all {len(kept):,} texts have one label: there is nothing to tell apart, and nothing can be learned"
    return Finding("only_label", len(kept), message)
