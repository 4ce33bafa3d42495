"""What a check says about a source: counts, findings, a profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vectune.data.findings import Finding, counted
from vectune.data.profile import Profile
from vectune.errors import DataError
from vectune.records import Dataset, Dropped, Kind


@dataclass(frozen=True)
class CheckReport:
    """How a source stood up to the checks.

    `rows_read` is `rows_kept` plus all of `dropped` (reason to rows). A row of a source that names texts by id is a
    judgement, or a line that could not be used. `findings` come worst first; what they count is not always dropped.
    """

    source: str
    shape: str
    kind: Kind
    rows_read: int
    rows_kept: int
    dropped: Mapping[str, int]
    findings: tuple[Finding, ...]
    profile: Profile
    said: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON: summary.json and a run's data.json."""
        return {
            "source": self.source,
            "shape": self.shape,
            "kind": self.kind.value,
            "rows_read": self.rows_read,
            "rows_kept": self.rows_kept,
            "dropped": dict(self.dropped),
            "findings": [finding.as_json() for finding in self.findings],
            "profile": self.profile.as_json(),
            "said": list(self.said),
        }


@dataclass(frozen=True)
class Checked:
    """Data that passed the checks, what was left out of it, and the report."""

    data: Dataset
    dropped: tuple[Dropped, ...]
    report: CheckReport


def too_few(report: CheckReport) -> DataError | None:
    """The error when fewer than two rows are left."""
    if report.rows_kept >= 2:
        return None
    why = ", ".join(f"{count:,} {reason}" for reason, count in report.dropped.items())
    found = f"{report.source}: {counted(report.rows_kept, 'row is', 'rows are')} left of {report.rows_read:,} ({why})"
    return DataError(found, hint="give at least two different rows that can be used")
