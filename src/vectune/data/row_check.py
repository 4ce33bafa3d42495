"""Rows of one stream through all checks; rows themselves are kept by whoever asks, in memory or on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vectune.config import DataConfig
from vectune.data.bad_lines import BadLines
from vectune.data.languages import language_shares
from vectune.data.profile import Limits, Profile, lengths_of, truncated_shares
from vectune.data.read import RowStream
from vectune.data.report import CheckReport, too_few
from vectune.data.row_decisions import Decisions, decide
from vectune.data.row_facts import RowFacts
from vectune.data.row_findings import row_findings, truncation_findings
from vectune.errors import DataError
from vectune.monitor.progress import Progress
from vectune.records import Dropped, Row

BLOCK = 4096


class Keeper(Protocol):
    """Where rows and left-out lines go, block by block, for a second look."""

    def add(self, items: Sequence[Row | Dropped]) -> None:
        """Keep one more block."""


@dataclass(frozen=True)
class Examined:
    """What the checks found: the report, the fate of each row, and the error to raise when the data can't be used."""

    report: CheckReport
    decisions: Decisions
    refusal: DataError | None


def examine(
    stream: RowStream,
    source: str,
    config: DataConfig,
    keeper: Keeper,
    limits: Limits,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Examined:
    """Run a stream through the checks; every item goes to `keeper`. `folder` takes large intermediate files.

    Near-duplicates are reported, not dropped; see `near_duplicates` for what is found and missed.
    """
    facts = RowFacts(stream.roles.kind, config.near_duplicate, folder)
    bad = BadLines()
    refusal: DataError | None = None
    told = 0
    try:
        try:
            for block in _blocks(stream):
                keeper.add(block)
                _take_in(block, facts, bad)
                if progress is not None:
                    read = bad.reasons.total() + len(facts)  # a part that is left out is no row
                    progress.advance(read - told)
                    told = read
        except DataError as error:  # so few rows that the stream gave up: what was left out is still to be written
            refusal = error
        decisions = decide(facts)
        report = _report(stream, source, facts, decisions, bad, limits)
    finally:
        facts.close()
    refusal = bad.refusal(source, report.rows_read, config.max_bad) or refusal or too_few(report)
    return Examined(report, decisions, refusal)


def _blocks(stream: Iterable[Row | Dropped]) -> Iterator[list[Row | Dropped]]:
    """The stream in lists; what came before an error is given before the error is raised."""
    block: list[Row | Dropped] = []
    try:
        for item in stream:
            block.append(item)
            if len(block) == BLOCK:
                yield block
                block = []
    except DataError:
        if block:
            yield block
        raise
    if block:
        yield block


def _take_in(block: Sequence[Row | Dropped], facts: RowFacts, bad: BadLines) -> None:
    rows: list[Row] = []
    for item in block:
        if isinstance(item, Dropped):
            bad.add(item)
        else:
            rows.append(item)
    if rows:
        facts.add(rows)


def _report(
    stream: RowStream, source: str, facts: RowFacts, decisions: Decisions, bad: BadLines, limits: Limits
) -> CheckReport:
    truncated = truncated_shares({name: side.sample.texts() for name, side in facts.sides.items()}, limits)
    lengths = {name: lengths_of(side.words()[decisions.kept[side.owners()]]) for name, side in facts.sides.items()}
    profile = Profile(lengths, language_shares(facts.languages.texts()), truncated)
    findings = (*bad.findings(), *row_findings(facts, decisions), *truncation_findings(truncated, limits))
    return CheckReport(
        source=source,
        shape=stream.roles.shape,
        kind=facts.kind,
        rows_read=bad.reasons.total() + len(facts),
        rows_kept=int(decisions.kept.sum()),
        dropped=dict(bad.reasons) | decisions.counts(),
        findings=findings,
        profile=profile,
        said=tuple(stream.roles.said),
    )
