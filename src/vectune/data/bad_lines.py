"""Lines of a source that could not be used, counted; and when there are too many of them."""

from __future__ import annotations

from collections import Counter

from vectune.data import reasons
from vectune.data.findings import Finding, counted
from vectune.errors import DataError
from vectune.records import Dropped

_FIRST = 3


class BadLines:
    """Counts lines that could not be used (not parts of lines), and remembers the first."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self.parts: Counter[str] = Counter()
        self.first: list[Dropped] = []

    def add(self, drop: Dropped) -> None:
        """Take in one."""
        if drop.reason in reasons.PARTS:
            self.parts[drop.reason] += 1
            return
        self.reasons[drop.reason] += 1
        if len(self.first) < _FIRST:
            self.first.append(drop)

    def refusal(self, where: str, lines: int, max_bad: float) -> DataError | None:
        """The error when more than `max_bad` of all lines are bad."""
        bad = self.reasons.total()
        if not bad or bad <= max_bad * lines:
            return None
        why = ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.most_common(5))
        first = ", ".join(str(drop.row) for drop in self.first)
        found = f"{where}: {bad:,} of {lines:,} rows can't be used ({why}), first in line{'s' * (bad > 1)} {first}"
        return DataError(
            f"{found}; at most {max_bad:.0%} may be bad",
            hint=f"mend them, or allow more with --max-bad {_above(bad / lines)}",
        )

    def findings(self) -> list[Finding]:
        """What to say of them."""
        found = []
        if bad := self.reasons.total():
            why = ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.most_common())
            rows = tuple(drop.row for drop in self.first)
            found.append(Finding("unreadable", bad, f"{counted(bad, 'row', 'rows')} can't be used: {why}", rows))
        if parts := self.parts.total():
            why = ", ".join(f"{count:,} {reason}" for reason, count in self.parts.most_common())
            message = f"{counted(parts, 'part', 'parts')} of rows left out, the rest of them stays: {why}"
            found.append(Finding("texts_left_out", parts, message))
        return found


def _above(share: float) -> str:
    """A share of two digits that is at least `share`."""
    return f"{min(1.0, int(share * 100 + 1) / 100):.2f}"
