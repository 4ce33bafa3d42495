"""Sources that name texts by id, through the checks: equal texts under two ids become one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from vectune.config import DataConfig
from vectune.data import reasons
from vectune.data.bad_lines import BadLines
from vectune.data.findings import EXAMPLES, Finding, counted
from vectune.data.languages import language_shares
from vectune.data.profile import Limits, Profile, lengths_of, truncated_shares
from vectune.data.read import IdSource
from vectune.data.report import CheckReport, too_few
from vectune.data.row_findings import near_duplicate_findings, truncation_findings
from vectune.data.sides import Side, language_sample
from vectune.data.twins import equal_texts, merge_twins, union
from vectune.errors import DataError, UsageError
from vectune.monitor.progress import Progress
from vectune.records import Dropped, Retrieval

_BLOCK = 4096
_CONTENT_CHARS = 2_000


@dataclass(frozen=True)
class ExaminedIds:
    """The splits without twins, all that was left out, the report, and the error when the data can't be used."""

    splits: dict[str, Retrieval]
    dropped: tuple[Dropped, ...]
    report: CheckReport
    refusal: DataError | None


def examine_ids(
    found: IdSource, source: str, shape: str, config: DataConfig, limits: Limits, progress: Progress | None = None
) -> ExaminedIds:
    """Check the splits of `found` together. A row, here, is a judgement; what could not be read counts as one too."""
    bad = BadLines()
    for drop in found.left_out:
        bad.add(drop)
    whole = union(found.splits)
    queries, documents = equal_texts(whole.queries), equal_texts(whole.corpus)
    splits = {name: merge_twins(part, queries, documents) for name, part in found.splits.items()}
    read = sum(_judgements(part) for part in found.splits.values())
    kept = sum(_judgements(part) for part in splits.values())
    findings = [
        *bad.findings(),
        *_twin_findings({"query": queries, "document": documents}),
        *_lost_negatives(found.splits, splits),
    ]
    profile, more = _look_at_texts(splits, config, limits, progress)
    merged = {reasons.JUDGED_TWICE: read - kept} if read > kept else {}
    dropped = bad.reasons + type(bad.reasons)(merged)
    report = CheckReport(
        source=source,
        shape=shape,
        kind=whole.kind,
        rows_read=read + bad.reasons.total(),
        rows_kept=kept,
        dropped=dict(dropped),
        findings=(*findings, *more),
        profile=profile,
        said=found.said,
    )
    lines = read + bad.reasons.total() + len(whole.queries) + len(whole.corpus)
    refusal = bad.refusal(source, lines, config.max_bad) or too_few(report)
    gone = [_gone(whole.queries, queries, "query"), _gone(whole.corpus, documents, "document")]
    return ExaminedIds(splits, (*found.left_out, *gone[0], *gone[1]), report, refusal)


def one_split(found: IdSource, split: str) -> IdSource:
    """The source as if it had this split alone, less what was left out of others; "all" joins all splits."""
    if split == "all":
        return replace(found, splits={"all": union(found.splits)})
    if split not in found.splits:
        raise UsageError(f"there is no split named {split}", hint=f"name one of {', '.join(found.splits)}")
    return replace(found, splits={split: found.splits[split]}, own_dropped={split: found.own_dropped.get(split, ())})


def _judgements(part: Retrieval) -> int:
    return sum(map(len, part.qrels.values()))


def _gone(texts: Mapping[str, str], twins: Mapping[str, str], name: str) -> list[Dropped]:
    """A line for each merged text, so that its id can be found again."""
    return [
        Dropped(0, f"same text as {name} {first}", f"{name} {twin}: {texts[twin]}"[:_CONTENT_CHARS])
        for twin, first in twins.items()
    ]


def _twin_findings(twins: Mapping[str, Mapping[str, str]]) -> list[Finding]:
    found = []
    for name, pairs in twins.items():
        if pairs:
            shown = ", ".join(f"{twin} = {first}" for twin, first in list(pairs.items())[:EXAMPLES])
            what = counted(len(pairs), f"{name} id has", f"{name} ids have")
            message = f"{what} the text of an earlier id: merged, judgements joined ({shown})"
            found.append(Finding("same_text_two_ids", len(pairs), message))
    return found


def _lost_negatives(before: Mapping[str, Retrieval], after: Mapping[str, Retrieval]) -> list[Finding]:
    count = sum(
        sum(map(len, part.negatives.values())) - sum(map(len, after[name].negatives.values()))
        for name, part in before.items()
    )
    if not count:
        return []
    what = counted(count, "negative is a known positive", "negatives are known positives")
    return [Finding("negative_is_positive", count, f"{what} of the same query, or named twice: removed")]


def _look_at_texts(
    splits: Mapping[str, Retrieval], config: DataConfig, limits: Limits, progress: Progress | None
) -> tuple[Profile, list[Finding]]:
    """Lengths, languages, cut texts and near-duplicates of the queries and the corpus."""
    whole = union(splits)
    languages = language_sample()
    sides = {name: Side(name, config.near_duplicate, languages) for name in ("query", "document")}
    findings: list[Finding] = []
    try:
        for side, texts in zip(sides.values(), (whole.queries, whole.corpus), strict=True):
            listed = list(texts.values())
            for begin in range(0, len(listed), _BLOCK):
                block = listed[begin : begin + _BLOCK]
                side.add(block, range(begin, begin + len(block)))
                if progress is not None:
                    progress.advance(len(block))
            unnumbered = np.zeros(len(listed), np.int64)
            findings += near_duplicate_findings(side.name, side.near_duplicates(unnumbered == 0), unnumbered)
    finally:
        for side in sides.values():
            side.close()
    truncated = truncated_shares({name: side.sample.texts() for name, side in sides.items()}, limits)
    lengths = {name: lengths_of(side.words()) for name, side in sides.items()}
    findings += truncation_findings(truncated, limits)
    return Profile(lengths, language_shares(languages.texts()), truncated), findings
