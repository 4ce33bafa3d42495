"""`vectune check`: every split of a source, checked one after the other."""

from __future__ import annotations

from vectune.config import CheckConfig
from vectune.data.check import CheckReport, check
from vectune.data.read import open_source
from vectune.encode.resolve import resolve_model
from vectune.encode.token_counter import TokenCounter
from vectune.monitor.progress import Named, Progress


def check_data(config: CheckConfig, progress: Progress) -> dict[str, CheckReport]:
    """A report per split of the source (`all` where it has none); files are written under `config.out` if given."""
    source = open_source(config.path, config.data)
    counter = TokenCounter(resolve_model(config.base))
    reports: dict[str, CheckReport] = {}
    for split in source.splits or ("all",):
        out = config.out / split if config.out and source.splits else config.out
        reports[split] = check(
            source,
            config.data,
            split=split,
            count_tokens=counter.count,
            max_tokens=counter.limit,
            out=out,
            progress=Named(progress, "check" if split == "all" else f"check {split}"),
        )
    return reports
