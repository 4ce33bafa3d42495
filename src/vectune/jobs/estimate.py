"""When a job will be done, told from where it stands; nothing is told where there is nothing yet to go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vectune.config import TrainConfig
from vectune.jobs.standing import Standing

_FORWARD = 3.0
"""How much faster texts are encoded than trained on, about: a backward pass costs two forward ones."""
_BASELINE, _MIXED, _FIRST_JUDGED = "baseline on dev", "interpolate", "judge base"
_QUERIES, _DOCUMENTS = "encode queries", "encode documents"
_TRIAL, _DISTILLED = "try the base", "distil tokens"
_SHARES = len(TrainConfig().interpolation)
"""Each share of the tuned weights that is tried is scored on dev, as the base was before training."""
EVERYDAY, GUARD = 220, 120
"""The everyday texts of the verdict, and those that guard the mixing: each is taken for a third of a judged text."""
_REST_SECONDS = 1.0
"""BM25, comparing, the report and keeping the results, about."""
_EXPORT_SECONDS = 2.0
"""The export of a small base, about."""


@dataclass(frozen=True)
class Work:
    """What a job has to do: its training method, the units of train, dev and test (empty before the split), whether
    general ability is measured, and whether the model is exported, which a token table never is."""

    method: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    general: bool = True
    export: bool = True

    @property
    def everyday(self) -> int:
        """The everyday texts of the verdict, in judged texts that take as long."""
        return EVERYDAY if self.general else 0

    @property
    def guard(self) -> int:
        """The everyday texts that guard the mixing, likewise."""
        return GUARD if self.general else 0

    @property
    def judged(self) -> int:
        """Texts that judging encodes, about: the units of test, and at most a document for each of all units."""
        return sum(self.sizes.values()) + self.sizes.get("test", 0)

    @property
    def ending(self) -> float:
        """Seconds of what no model encodes."""
        return _REST_SECONDS + (_EXPORT_SECONDS if self.export and self.method != "static" else 0.0)


def seconds_left(standing: Standing, work: Work) -> float | None:
    """Seconds until the job is done, about; None where there is nothing yet to go by."""
    of_method = {"adapter": _of_adapter, "static": _of_table}.get(work.method, _of_weights)
    left = of_method(standing, work)
    return None if left is None else left + work.ending


def _of_weights(standing: Standing, work: Work) -> float | None:
    """The steps that are left go as fast as those before them. Each share of the weights that is tried takes as long as
    dev did before training, or as those before it. Judging encodes all texts with the base and with the tuned model,
    and the everyday texts too. Once it has begun, the texts that are left go as fast as those before them."""
    if standing.name.startswith("judge"):
        pace, whole = standing.pace(standing.name), standing.whole(_FIRST_JUDGED)
        if pace is None:
            return None
        other = whole if standing.name == _FIRST_JUDGED and whole is not None else 0.0
        return pace * (standing.left + 2 * work.everyday) + other
    rows, before = standing.rows_per_second, None
    pace = 1 / (2 * _FORWARD * rows) if rows else 0.0  # a row has two texts
    if standing.name == "train" and standing.step_seconds is not None:
        tried = _SHARES * standing.took.get(_BASELINE, 0.0) + (_SHARES + 1) * work.guard * pace
        before = standing.left * standing.step_seconds + tried
    elif standing.name == _MIXED:
        before = _mixing(standing)
    return None if before is None else before + pace * 2 * (work.judged + work.everyday)


def _of_table(standing: Standing, work: Work) -> float | None:
    """Only the base takes its time in judging: as long as on the texts that were tried before. How long the table will
    be trained is known once that has begun."""
    pace, tokens = standing.pace(_TRIAL), standing.pace(_DISTILLED)
    if standing.name == _FIRST_JUDGED:
        return _of_base(standing, work)
    if pace is None:
        return None
    judged = pace * (work.judged + work.everyday)
    if standing.name == _DISTILLED:
        return None if tokens is None else tokens * standing.left + judged
    if standing.name == "train":
        return None if standing.step_seconds is None else standing.step_seconds * standing.left + judged
    return (_mixing(standing) or 0.0) + judged if standing.name == _MIXED else None


def _of_base(standing: Standing, work: Work) -> float | None:
    """Documents are judged first, so that their pace would make the queries too long: the texts that were tried before
    tell of both, and the pace how long the documents that are left take at least, and all that is left at most. A trial
    that something held up thus misleads no longer than until documents are judged."""
    tried, pace = standing.pace(_TRIAL), standing.pace(_FIRST_JUDGED)
    if tried is None:
        return None if pace is None else pace * (standing.left + work.everyday)
    left = tried * (standing.total or 0) - standing.elapsed
    if pace is None:
        return max(left, 0.0) + tried * work.everyday
    documents = max(standing.left - work.sizes.get("test", 0), 0)
    return min(max(left, pace * documents), pace * standing.left) + min(tried, pace) * work.everyday


def _of_adapter(standing: Standing, work: Work) -> float | None:
    """The texts of train are encoded first; those of dev and test, each encoded once, take as long a unit, and so do
    the everyday texts. Dev ranks the documents of test too, so that judging is left with what dev has not encoded.
    Everything else takes next to nothing, but for training."""
    queries, documents, train = standing.whole(_QUERIES), standing.whole(_DOCUMENTS), work.sizes.get("train", 0)
    if queries is None or documents is None or not train:
        return None
    dev, test = work.sizes.get("dev", 0), work.sizes.get("test", 0)
    text = (queries + documents) / (2 * train)
    everyday, guard = text * work.everyday, text * work.guard
    encoded = standing.elapsed if standing.name == _BASELINE else standing.took.get(_BASELINE, 0.0)
    rest = max(2 * text * (dev + test) - encoded, queries / train * test) + everyday
    if standing.name == _DOCUMENTS:
        return (standing.pace(_DOCUMENTS) or 0.0) * standing.left + guard + rest
    if standing.name == _BASELINE:
        return guard + rest
    if standing.name == "train":
        return (standing.step_seconds or 0.0) * standing.left + guard + rest
    if standing.name == _MIXED:
        return (_mixing(standing) or 0.0) + rest
    return max(rest - everyday - standing.elapsed, 0.0) + everyday if standing.name == _FIRST_JUDGED else None


def _mixing(standing: Standing) -> float | None:
    return standing.elapsed / standing.done * standing.left if standing.done else None
