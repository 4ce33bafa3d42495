"""`vectune runs`: list the runs of a folder, or put some of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from vectune.errors import NotFound, StorageError
from vectune.store.run_folder import VERDICT, RunSummary, newest_first, read_run, run_folders
from vectune.workflows.compare_runs import RunsComparison, compare_runs


@dataclass(frozen=True)
class SkippedRun:
    """A folder among the runs that can't be read, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class RunsReport:
    """The runs, newest first, or those that were named in that order; then they are compared too."""

    runs: tuple[RunSummary, ...]
    skipped: tuple[SkippedRun, ...] = ()
    comparison: RunsComparison | None = None

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "runs": [run.as_json() for run in self.runs],
            "skipped": [asdict(skipped) for skipped in self.skipped],
            "comparison": None if self.comparison is None else self.comparison.as_json(),
        }


def list_and_compare(root: Path, names: Sequence[str]) -> RunsReport:
    """Without `names`, every run in `root`; with names, those runs side by side, all differences from the first.

    A name is a folder in `root`, the beginning of one that fits no other, or a path to a run folder. Folders that
    are still being written are left out; damaged ones are named as skipped, or are a StorageError when asked for.
    Raises NotFound for a name that fits nothing.
    """
    root = Path(root)
    if not names:
        return _list(root)
    folders = [_find(root, name) for name in names]
    runs = tuple(read_run(folder) for folder in folders)
    return RunsReport(runs=runs, comparison=compare_runs(runs))


def _list(root: Path) -> RunsReport:
    runs: list[RunSummary] = []
    skipped: list[SkippedRun] = []
    for folder in run_folders(root):
        try:
            runs.append(read_run(folder))
        except (NotFound, StorageError) as error:
            skipped.append(SkippedRun(folder.name, error.message))
    return RunsReport(runs=newest_first(runs), skipped=tuple(skipped))


def _find(root: Path, name: str) -> Path:
    for folder in (root / name, Path(name)):
        if (folder / VERDICT).exists():
            return folder
    known = [folder.name for folder in run_folders(root)]
    begun = [found for found in known if found.startswith(name)]
    if len(begun) == 1:
        return root / begun[0]
    if len(begun) > 1:
        raise NotFound(f"{name} is the beginning of {len(begun)} runs.", hint=f"Name one: {', '.join(begun[:5])}.")
    near = get_close_matches(name, known, n=3, cutoff=0.5) or known[-3:]
    hint = (
        f"There are: {', '.join(near)}." if near else f"There are no runs in {root}; name another folder with --root."
    )
    raise NotFound(f"There is no run {name} in {root}.", hint=hint)
