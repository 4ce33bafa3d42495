"""When a job will be done, told from where it stands; nothing is told where there is nothing yet to go by."""

from __future__ import annotations

from collections.abc import Mapping

from vectune.config import TrainConfig
from vectune.jobs.standing import Standing

_FORWARD = 3.0
"""How much faster texts are encoded than trained on, about: a backward pass costs two forward ones."""
_BASELINE, _MIXED, _FIRST_JUDGED = "baseline on dev", "interpolate", "judge base"
_QUERIES, _DOCUMENTS = "encode queries", "encode documents"
_SHARES = len(TrainConfig().interpolation)
"""Each share of the tuned weights that is tried is scored on dev, as the base was before training."""
_ENDING_SECONDS = 10.0
"""What comes after judging, about, with a small base: everyday texts, export, and keeping the results."""


def seconds_left(standing: Standing, method: str, sizes: Mapping[str, int]) -> float | None:
    """Seconds until the job of that training method is done, about; None where there is nothing yet to go by.

    `sizes` are the units of train, dev and test.
    """
    if method == "adapter":
        left = _of_adapter(standing, sizes)
    elif method == "static":
        left = _of_table(standing)
    else:
        left = _of_weights(standing, sizes)
    return None if left is None else left + _ENDING_SECONDS


def _of_weights(standing: Standing, sizes: Mapping[str, int]) -> float | None:
    """The steps that are left go as fast as those before them. Each share of the weights that is tried takes as long as
    dev did before training, or as those before it. Judging encodes twice: the units of test, and at most a document for
    each of all units. Once it has begun, the texts that are left go as fast as those before them."""
    if standing.name.startswith("judge"):
        pace, models = standing.pace(standing.name), 2 if standing.name == _FIRST_JUDGED else 1
        return None if pace is None else pace * (standing.left + (models - 1) * (standing.total or 0))
    before = None
    if standing.name == "train":
        step = standing.step_seconds
        before = None if step is None else standing.left * step + _SHARES * standing.took.get(_BASELINE, 0.0)
    elif standing.name == _MIXED:
        before = _mixing(standing)
    if before is None or not standing.rows_per_second:
        return before
    return before + (sum(sizes.values()) + sizes.get("test", 0)) / (_FORWARD * standing.rows_per_second)


def _of_table(standing: Standing) -> float | None:
    """Only the base takes its time in judging, and only then is it known how long its texts take: before, no whole
    text goes through it."""
    pace = standing.pace(standing.name) if standing.name == _FIRST_JUDGED else None
    return None if pace is None else pace * standing.left


def _of_adapter(standing: Standing, sizes: Mapping[str, int]) -> float | None:
    """The texts of train are encoded first; those of dev and test, each encoded once, go as fast. Everything else takes
    next to nothing, but for training."""
    query, document = standing.pace(_QUERIES), standing.pace(_DOCUMENTS)
    if query is None or document is None:
        return None
    dev, test = (sizes.get(name, 0) * (query + document) for name in ("dev", "test"))
    if standing.name == _DOCUMENTS:
        return document * standing.left + dev + test
    if standing.name == _BASELINE:
        return max(dev - standing.elapsed, 0.0) + test
    if standing.name == "train":
        return (standing.step_seconds or 0.0) * standing.left + test
    if standing.name == _MIXED:
        return (_mixing(standing) or 0.0) + test
    return max(test - standing.elapsed, 0.0) if standing.name == _FIRST_JUDGED else None


def _mixing(standing: Standing) -> float | None:
    return standing.elapsed / standing.done * standing.left if standing.done else None
