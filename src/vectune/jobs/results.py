"""What a finished run gives its job: the files of its results, and how many tokens were trained on."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from vectune.errors import NotFound
from vectune.jobs.failures import renamed
from vectune.jobs.files import RESULTS, FileStore
from vectune.jobs.identifiers import derived_id
from vectune.jobs.job import Job
from vectune.jobs.run_events import evaluated
from vectune.monitor.metric_log import read_metrics

METRICS, METRICS_CSV = "metrics.jsonl", "step_metrics.csv"
RESULT_FILES = (METRICS_CSV, "verdict.json", "report.html")
_COLUMNS = ("step", "epoch", "train_loss", "learning_rate", "rows_per_second")
_VALID = "valid_"


def keep_results(files: FileStore, job: Job, folder: Path, names: Mapping[str, str]) -> tuple[str, ...]:
    """Put the metrics, the verdict and the report of the run in `folder` among the project's files; their ids.

    Ids follow from the job's: doing so twice leaves the same files. Paths of this machine are called by their `names`.
    """
    kept = []
    for name in RESULT_FILES:
        content = metrics_csv(folder / METRICS) if name == METRICS_CSV else _content(folder / name, names)
        stored = files.put(derived_id("file-", job.id, name), job.project, name, RESULTS, iter([content]))
        kept.append(stored.id)
    return tuple(kept)


def _content(file: Path, names: Mapping[str, str]) -> bytes:
    return renamed(file.read_text(encoding="utf-8"), names).encode()


def remove_results(files: FileStore, job: Job) -> None:
    """Remove what `keep_results` kept: the job was cancelled meanwhile."""
    for name in RESULT_FILES:
        with suppress(NotFound):
            files.delete(job.project, derived_id("file-", job.id, name))


def metrics_csv(log: Path) -> bytes:
    """A line a step: its loss and, where dev was scored after it, a column for each measure; step 0 is the base."""
    entries = read_metrics(log)
    found = (evaluated(entry) for entry in entries if entry.get("event") == "dev")
    measures = dict.fromkeys(f"{_VALID}{key}" for each in found for key in each)
    text = io.StringIO()
    writer = csv.DictWriter(text, [*_COLUMNS, *measures])
    writer.writeheader()
    writer.writerows(_steps(entries))
    return text.getvalue().encode()


def trained_tokens(log: Path) -> int | None:
    """Tokens of all texts of all steps; None where the method does not count them, as it trains on vectors."""
    counted = [entry["tokens"] for entry in read_metrics(log) if "tokens" in entry]
    return sum(counted) if counted else None


def _steps(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    rows: dict[int, dict[str, Any]] = {}
    for entry in entries:
        if entry.get("event") == "train":
            row = rows.setdefault(entry["step"], {"step": entry["step"]})
            row |= {name: entry[name] for name in _COLUMNS if name in entry} | {"train_loss": entry.get("loss")}
        elif entry.get("event") == "dev":
            row = rows.setdefault(entry["step"], {"step": entry["step"], "epoch": entry.get("epoch")})
            row |= {f"{_VALID}{key}": score for key, score in evaluated(entry).items()}
    return (rows[step] for step in sorted(rows))
