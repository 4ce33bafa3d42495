"""Runs side by side: every measure at every dimension, and the tuned models' difference, paired query by query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np

from vectune.config import EvaluateConfig
from vectune.errors import NotFound, StorageError
from vectune.evaluate.judged import Judged
from vectune.evaluate.significance import compare
from vectune.records import Kind
from vectune.store.per_query import PER_QUERY, UnitScores, read_per_query
from vectune.store.run_folder import RunSummary, read_json, read_verdict

_TUNED = "tuned"


@dataclass(frozen=True)
class MeasureRow:
    """One measure at one dimension: what the tuned model of each run scored, None where a run did not measure it."""

    measure: str
    dim: int
    scores: tuple[float | None, ...]


@dataclass(frozen=True)
class RunDifference:
    """Tuned of run `second` minus tuned of run `first`, on the same test rows.

    `clusters` is how many clusters the `queries` make; None where each is one of its own.
    Without a value, `reason` says why the two can't be paired.
    """

    first: str
    second: str
    measure: str
    dim: int | None = None
    difference: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    queries: int | None = None
    clusters: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class RunsComparison:
    """Runs by name, their measures side by side, and each run's difference from the first."""

    names: tuple[str, ...]
    rows: tuple[MeasureRow, ...]
    differences: tuple[RunDifference, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "names": list(self.names),
            "rows": [asdict(row) | {"scores": list(row.scores)} for row in self.rows],
            "differences": [
                asdict(found) | {"interval": None if found.interval is None else list(found.interval)}
                for found in self.differences
            ],
        }


def compare_runs(runs: Sequence[RunSummary], config: EvaluateConfig | None = None) -> RunsComparison:
    """Compare the tuned models of `runs`: deciding measure first, largest dimension first.

    Differences come with a paired bootstrap interval where two runs were judged on the very same test rows.
    """
    measured = [_measured(run) for run in runs]
    keys = dict.fromkeys(key for found in measured for key in found)
    deciding = runs[0].measure if runs else ""
    names = list(dict.fromkeys(name for name, _ in keys))
    order = sorted(keys, key=lambda key: (key[0] != deciding, names.index(key[0]), -key[1]))
    rows = tuple(MeasureRow(name, dim, tuple(found.get((name, dim)) for found in measured)) for name, dim in order)
    config = config or EvaluateConfig()
    pairs = [found for run in runs[1:] for found in _differences(runs[0], run, config)]
    return RunsComparison(tuple(run.name for run in runs), rows, tuple(pairs))


def _measured(run: RunSummary) -> dict[tuple[str, int], float]:
    """(measure, dimension) -> score of the tuned model, in the order of verdict.json."""
    by_dim = (read_verdict(run.path).get("measures") or {}).get(_TUNED) or {}
    dims = sorted((int(dim) for dim in by_dim if dim.isdecimal()), reverse=True)
    names = dict.fromkeys(name for dim in dims for name in by_dim[str(dim)])
    found = {(name, dim): by_dim[str(dim)].get(name) for name, dim in product(names, dims)}
    return {key: float(value) for key, value in found.items() if isinstance(value, int | float)}


def _differences(first: RunSummary, second: RunSummary, config: EvaluateConfig) -> list[RunDifference]:
    reason = _apart(first, second)
    try:
        scores = [] if reason else [_tuned_scores(run) for run in (first, second)]
    except StorageError as error:
        reason = error.message
    if reason:
        return [RunDifference(first.name, second.name, first.measure, reason=reason)]
    mine, theirs = scores
    dims = sorted(mine.keys() & theirs.keys(), reverse=True)
    pairs = {dim: (mine[dim], theirs[dim]) for dim in dims if _same_units(mine[dim], theirs[dim])}
    if not pairs:
        reason = "they share no dimension, or were judged on different test rows"
        return [RunDifference(first.name, second.name, first.measure, reason=reason)]
    return [_difference(first, second, dim, pair, config) for dim, pair in pairs.items()]


def _same_units(mine: UnitScores, theirs: UnitScores) -> bool:
    """Whether they are of the same units, as far as names and given scores tell."""
    if (mine.gold is None) != (theirs.gold is None) or mine.units != theirs.units:
        return False
    return mine.gold is None or np.array_equal(mine.gold, np.asarray(theirs.gold))


def _difference(
    first: RunSummary, second: RunSummary, dim: int, pair: tuple[UnitScores, UnitScores], config: EvaluateConfig
) -> RunDifference:
    kind = Kind(first.kind)
    found = compare(_judged(pair[0], kind), _judged(pair[1], kind), first.measure, config)
    return RunDifference(
        first.name,
        second.name,
        first.measure,
        dim=dim,
        difference=found.difference,
        interval=(found.low, found.high),
        p=found.p,
        queries=found.queries,
        clusters=found.clusters,
    )


def _judged(scores: UnitScores, kind: Kind) -> Judged:
    return Judged(kind, scores.units, scores.per_unit, {}, scores.similarity, scores.gold, clusters=scores.clusters)


def _tuned_scores(run: RunSummary) -> Mapping[int, UnitScores]:
    return {part.dim: part for part in read_per_query(run.path / PER_QUERY) if part.model == _TUNED}


def _apart(first: RunSummary, second: RunSummary) -> str:
    """Why two runs can't be paired; empty when they can."""
    if (first.kind, first.measure) != (second.kind, second.measure):
        return "they were decided by different measures"
    exams = [_exam_of(run) for run in (first, second)]
    if None not in exams:
        return _apart_by_order(first, second) if exams[0] == exams[1] else "they were judged on different test rows"
    data = [_data_of(run) for run in (first, second)]
    if None in (data[0][0], data[1][0]):
        return "the data of one of them has no fingerprint"
    if data[0][0] != data[1][0]:
        return "they were judged on different data"
    return "" if data[0][1] == data[1][1] else "they were judged on different test rows of the same data"


def _apart_by_order(first: RunSummary, second: RunSummary) -> str:
    """Units are named after their rows: in another order the same name is another unit. Older runs keep no order, and
    were judged before queries passed themselves over."""
    orders = [_exam_of(run, "judged_in_order") for run in (first, second)]
    if orders[0] == orders[1]:
        return ""
    if None in orders:
        return "one of them is of an older version, which judged otherwise; judge both anew by `vectune evaluate --out`"
    return "their test rows are the same in another order; judge both on one file with `vectune evaluate --out`"


def _exam_of(run: RunSummary, key: str = "judged_on") -> str | None:
    """A fingerprint of the very rows and documents that the run was judged on, where verdict.json has it."""
    try:
        found = read_verdict(run.path).get(key)
    except (NotFound, StorageError):
        return None
    return found if isinstance(found, str) else None


def _data_of(run: RunSummary) -> tuple[str | None, tuple[str, ...] | None]:
    """The fingerprint of the run's data and the ids of its test rows, where its files tell."""
    try:
        verdict = read_verdict(run.path)
        fingerprint = verdict.get("fingerprint") or (read_json(run.path / "data.json") or {}).get("fingerprint")
        assigned = (read_json(run.path / "split.json") or {}).get("assignment", {}).get("test")
    except (NotFound, StorageError):
        return None, None
    return fingerprint, None if assigned is None else tuple(sorted(map(str, assigned)))
