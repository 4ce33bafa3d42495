"""Checking a source: what is in it, what can't be used and why, what else its owner should know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from vectune.config import DataConfig
from vectune.data.assemble import assemble
from vectune.data.clean import (
    refuse_foreign,
    results_folder,
    write_dropped,
    write_outcomes,
    write_retrieval,
    write_summary,
)
from vectune.data.id_check import examine_ids, one_split
from vectune.data.profile import CountTokens, Limits
from vectune.data.read import IdSource, Source, read_retrieval, read_rows
from vectune.data.report import Checked, CheckReport
from vectune.data.row_check import examine
from vectune.data.row_decisions import outcomes
from vectune.data.spool import RowSpool
from vectune.monitor.progress import Progress
from vectune.records import Dropped, Row

__all__ = ["CheckReport", "Checked", "check", "load_checked"]


def check(
    source: Source,
    config: DataConfig,
    *,
    split: str = "all",
    count_tokens: CountTokens | None = None,
    max_tokens: int | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
) -> CheckReport:
    """The report on one split of a source, or on all of it; memory stays under 1 kB a row, texts wait on disk.

    With `out`, that folder gets clean.jsonl (for sources that name texts by id: corpus.jsonl, queries.jsonl and qrels),
    dropped.jsonl (row, reason, content) and summary.json. `count_tokens` and `max_tokens` tell which texts a model
    would cut. Raises DataError when more than `config.max_bad` of the rows can't be used or fewer than two are left;
    dropped.jsonl is written even then. Raises StorageError when `out` can't be written.
    """
    limits = Limits(count_tokens, max_tokens)
    if out is not None:
        refuse_foreign(out)
    if progress is not None:
        progress.stage("check")
    found = read_retrieval(source, config)
    if found is not None:
        return _check_ids(found if split == "all" else one_split(found, split), source, config, limits, out, progress)
    stream = read_rows(source, config, split)
    with TemporaryDirectory(prefix="vectune-check-") as name:
        folder = Path(name)
        spool = RowSpool(folder)
        try:
            examined = examine(stream, source.path, config, spool, limits, folder, progress)
            if out is not None:
                with results_folder(out) as aside:
                    if examined.refusal is None:
                        write_outcomes(aside, outcomes(spool, examined.decisions), stream.roles)
                        write_summary(aside, examined.report.as_json())
                    else:
                        write_dropped(aside, outcomes(spool, examined.decisions))
        finally:
            spool.close()
    if examined.refusal is not None:
        raise examined.refusal
    return examined.report


def load_checked(
    source: Source,
    config: DataConfig,
    *,
    split: str = "all",
    count_tokens: CountTokens | None = None,
    max_tokens: int | None = None,
    progress: Progress | None = None,
) -> Checked:
    """The data of one split of a source, or of all of it, after the checks of `check`; all of it in memory.

    Raises DataError as `check` does.
    """
    limits = Limits(count_tokens, max_tokens)
    if progress is not None:
        progress.stage("check")
    found = read_retrieval(source, config)
    if found is not None:
        ids = examine_ids(one_split(found, split), source.path, source.format, config, limits, progress)
        if ids.refusal is not None:
            raise ids.refusal
        (data,) = ids.splits.values()
        return Checked(data, ids.dropped, ids.report)
    items = _Items()
    examined = examine(read_rows(source, config, split), source.path, config, items, limits, progress=progress)
    if examined.refusal is not None:
        raise examined.refusal
    rows: list[Row] = []
    dropped: list[Dropped] = []
    for item in outcomes(items.held, examined.decisions):
        if isinstance(item, Dropped):
            dropped.append(item)
        else:
            rows.append(item)
    return Checked(assemble(rows, examined.report.kind), tuple(dropped), examined.report)


class _Items:
    """Keeps rows in memory."""

    def __init__(self) -> None:
        self.held: list[Row | Dropped] = []

    def add(self, items: Sequence[Row | Dropped]) -> None:
        self.held += items


def _check_ids(
    found: IdSource, source: Source, config: DataConfig, limits: Limits, out: Path | None, progress: Progress | None
) -> CheckReport:
    examined = examine_ids(found, source.path, source.format, config, limits, progress)
    if out is not None:
        with results_folder(out) as aside:
            write_dropped(aside, examined.dropped)
            if examined.refusal is None:
                write_retrieval(aside, examined.splits)
                write_summary(aside, examined.report.as_json())
    if examined.refusal is not None:
        raise examined.refusal
    return examined.report
