"""Scoring a model on dev while it trains: the deciding measure over a dev set that stays small."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from vectune.config import EvaluateConfig, TrainConfig
from vectune.encode.encoder import Encoder
from vectune.errors import ConfigError
from vectune.evaluate.judge import Task, judge_by, task_of
from vectune.evaluate.measures import decisive_measure
from vectune.monitor.metric_log import MetricLog
from vectune.records import Dataset, Labelled, Retrieval, Splits

LEAST_UNITS = 4
"""Dev units under which a dev score is noise alone: nothing is selected by it."""


@dataclass(frozen=True)
class DevScorer:
    """Scores a model on dev by the deciding measure."""

    measure: str
    dev: Dataset
    reference: Labelled | None
    config: EvaluateConfig

    def __call__(self, encoder: Encoder) -> float:
        """The score of `encoder` at full size."""
        return self.measures(encoder)[self.measure]

    def measures(self, encoder: Encoder) -> Mapping[str, float]:
        """Every measure of `encoder` at full size by its name, the deciding one among them: one encoding gives all."""
        totals = judge_by(encoder, self._task)[encoder.dim].totals
        if self.measure not in totals:
            raise ConfigError(
                f"{self.measure} can't be measured on dev.", "Give more data, or name another measure with --measure."
            )
        return totals

    @cached_property
    def _task(self) -> Task:
        """Made once: dev is asked many times while a model is trained."""
        return task_of(self.dev, self.config, self.reference)


class DevLog:
    """Scores models by `scorer` (None: dev is too small), and is a sink that says of every dev score which measure it
    is and what the others came to with that model; `heard` hears of those of training."""

    def __init__(
        self, log: MetricLog, scorer: DevScorer | None, heard: Callable[[Mapping[str, Any]], None] = lambda entry: None
    ) -> None:
        self.log = log
        self.measure = scorer.measure if scorer else ""
        self._scorer = scorer
        self._heard = heard
        self._latest: Mapping[str, float] = {}

    def score(self, encoder: Encoder) -> float:
        """The score of `encoder`, which the next dev score that is written is of."""
        assert self._scorer is not None
        self._latest = self._scorer.measures(encoder)
        return self._latest[self.measure]

    def write(self, event: str, **values: Any) -> None:
        """Keep one event."""
        named: dict[str, Any] = {"measure": self.measure} if event in ("dev", "interpolation") else {}
        if event == "dev":
            named["measures"] = dict(self._latest)
        self.log.write(event, **(named | values))
        if event == "dev" and values["step"] > 0:
            self._heard(named | values)


def dev_scorer(splits: Splits, config: EvaluateConfig, train: TrainConfig) -> DevScorer | None:
    """The scorer on the dev split; None when dev is too small to select by.

    Retrieval is cut to `train.dev_queries` queries and `train.dev_corpus` documents: the relevant and hard-negative
    ones of these queries, then others drawn by hash. For labels the training texts that vote are drawn likewise.
    """
    if len(splits.dev) < LEAST_UNITS:
        return None
    dev = small_corpus(few_queries(splits.dev, train.dev_queries), train.dev_corpus)
    reference = few_texts(splits.train, train.dev_corpus) if isinstance(splits.train, Labelled) else None
    return DevScorer(decisive_measure(dev, config), dev, reference, config)


def few_queries(data: Dataset, most: int) -> Dataset:
    """The retrieval set with at most `most` queries, drawn by hash; other data as it is."""
    if not isinstance(data, Retrieval) or len(data.queries) <= most:
        return data
    kept = sorted(_by_hash(data.queries)[:most])
    return replace(
        data,
        queries={query: data.queries[query] for query in kept},
        qrels={query: data.qrels[query] for query in kept if query in data.qrels},
        negatives={query: data.negatives[query] for query in kept if query in data.negatives},
    )


def small_corpus(data: Dataset, most_documents: int) -> Dataset:
    """The retrieval set with at most `most_documents` documents, the needed ones always; other data as it is."""
    if not isinstance(data, Retrieval) or len(data.corpus) <= most_documents:
        return data
    needed = {document for grades in data.qrels.values() for document in grades}
    needed |= {document for documents in data.negatives.values() for document in documents}
    others = _by_hash(document for document in data.corpus if document not in needed)
    kept = needed.union(others[: max(most_documents - len(needed), 0)])
    return replace(data, corpus={name: text for name, text in data.corpus.items() if name in kept})


def few_texts(data: Labelled, most: int) -> Labelled:
    """At most `most` of the labelled texts, drawn by hash."""
    if len(data.texts) <= most:
        return data
    kept = set(_by_hash(str(text.row) + text.text for text in data.texts)[:most])
    return Labelled(tuple(text for text in data.texts if str(text.row) + text.text in kept))


def _by_hash(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: hashlib.blake2b(name.encode(), digest_size=8).digest())
