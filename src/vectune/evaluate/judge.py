"""Judging: one model or BM25, on any kind of data, at every vector size asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vectune.config import EvaluateConfig
from vectune.encode.encoder import Encoder
from vectune.errors import ConfigError
from vectune.evaluate.judged import Judged
from vectune.evaluate.labels import LabelTask
from vectune.evaluate.retrieval import RetrievalTask
from vectune.evaluate.sides import Matcher, Sides, WordMatcher, encode_sides
from vectune.evaluate.similarity import SimilarityTask
from vectune.monitor.progress import Progress, Silent
from vectune.records import Dataset, Labelled, Retrieval, Scored


class Task(Protocol):
    """What is judged: two sides of texts, and how matching them is measured."""

    @property
    def sides(self) -> Sides:
        """The texts."""

    def judge(self, matcher: Matcher) -> Judged:
        """Measure one way of matching them."""


def judge(
    encoder: Encoder,
    data: Dataset,
    config: EvaluateConfig,
    *,
    reference: Labelled | None = None,
    dims: Sequence[int] = (),
    progress: Progress | None = None,
) -> dict[int, Judged]:
    """Judge a model on `data` at its full size and at each of `dims`: dimension to Judged, largest first.

    Every distinct text is encoded once; smaller vectors are the first values of the full one, normalised again.
    `reference` holds texts of known label (train) for judging labelled texts; without it each text is judged against
    the others. ConfigError for a dimension that the model does not have, ModelError for vectors that are not finite.
    """
    wrong = [dim for dim in dims if not 1 <= dim <= encoder.dim]
    if wrong:
        raise ConfigError(
            f"model {encoder.name} has vectors of {encoder.dim} values and can't be judged at {wrong[0]}",
            hint=f"take dims from 1 to {encoder.dim}",
        )
    return judge_by(encoder, task_of(data, config, reference), dims, progress)


def judge_by(
    encoder: Encoder, task: Task, dims: Sequence[int] = (), progress: Progress | None = None
) -> dict[int, Judged]:
    """`judge` by a task that is made once for many models, or for one model many times; `dims` are the model's own."""
    matcher = encode_sides(encoder, task.sides, progress or Silent())
    return {dim: task.judge(matcher.cut(dim)) for dim in sorted({encoder.dim, *dims}, reverse=True)}


def judge_bm25(data: Dataset, config: EvaluateConfig, *, reference: Labelled | None = None) -> Judged:
    """Judge BM25 on `data`: the same units and measures as `judge`, without the linear probe (it needs vectors).

    A document that shares no word with the query counts as not found.
    """
    task = task_of(data, config, reference)
    return task.judge(WordMatcher(task.sides))


def task_of(data: Dataset, config: EvaluateConfig, reference: Labelled | None = None) -> Task:
    """What `data` asks of a model. It goes through all texts once, to know which stand for the same."""
    if isinstance(data, Retrieval):
        return RetrievalTask(data)
    if isinstance(data, Scored):
        return SimilarityTask(data)
    return LabelTask(data, reference, config.neighbours)
