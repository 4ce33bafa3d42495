"""Base, tuned and BM25 on the same test data, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vectune.config import EvaluateConfig
from vectune.data.fingerprint import fingerprint, order_fingerprint
from vectune.encode.encoder import Encoder
from vectune.evaluate.general import GeneralAbility, general_ability
from vectune.evaluate.judge import judge, judge_bm25
from vectune.evaluate.judged import Judged
from vectune.evaluate.measures import decisive_measure
from vectune.evaluate.significance import Comparison, compare, interval
from vectune.evaluate.verdict import Verdict, decide
from vectune.evaluate.wins_losses import QueryExample, wins_and_losses
from vectune.monitor.progress import Named, Progress
from vectune.records import Dataset, Labelled
from vectune.store.per_query import UnitScores

BASE, TUNED, BM25 = "base", "tuned", "bm25"


@dataclass(frozen=True)
class Exam:
    """The data that everyone is judged on. `reference` are the labelled texts that vote in kNN."""

    data: Dataset
    reference: Labelled | None
    dims: tuple[int, ...]
    config: EvaluateConfig


@dataclass(frozen=True)
class Judgement:
    """All that was measured and what it comes to."""

    measure: str
    comparison: Comparison
    verdict: Verdict
    by_model: Mapping[str, Mapping[int, Judged]]
    bm25: Judged
    general: Mapping[str, GeneralAbility]
    examples: Mapping[str, Sequence[QueryExample]]
    exam: Exam

    def as_json(self) -> dict[str, Any]:
        """The content of verdict.json, but for what only the caller knows (names, seconds)."""
        full = {name: next(iter(dims.values())) for name, dims in self.by_model.items()} | {BM25: self.bm25}
        targets = self.exam.config.verdict.targets
        tuned = full[TUNED].totals
        return {
            "verdict": self.verdict.verdict,
            "sentence": self.verdict.sentence,
            "measure": self.measure,
            "base": self.comparison.base,
            "tuned": self.comparison.tuned,
            "bm25": self.bm25.totals.get(self.measure),
            "difference": self.comparison.difference,
            "interval": [self.comparison.low, self.comparison.high],
            "p": self.comparison.p,
            "smallest_detectable": self.comparison.smallest_detectable,
            "queries": self.comparison.queries,
            "clusters": self.comparison.clusters,
            "queries_to_decide": self.comparison.queries_to_decide,
            "confidence": self.exam.config.confidence,
            "intervals": {
                name: list(interval(judged, self.measure, self.exam.config))
                for name, judged in full.items()
                if self.measure in judged.totals
            },
            "general": {name: ability.score for name, ability in self.general.items()} or None,
            "targets": {
                name: {"target": targets[name], "value": tuned[name], "reached": reached}
                for name, reached in self.verdict.targets.items()
            },
            "measures": {
                **{
                    name: {str(dim): dict(judged.totals) for dim, judged in dims.items()}
                    for name, dims in self.by_model.items()
                },
                BM25: {"all": dict(self.bm25.totals)},
            },
            "dims": list(self.by_model[TUNED]),
            "kind": self.exam.data.kind.value,
            "judged_on": fingerprint(self.exam.data),
            "judged_in_order": order_fingerprint(self.exam.data),
        }

    def examples_as_json(self) -> dict[str, list[dict[str, Any]]]:
        """The content of examples.json."""
        return {name: [asdict(example) for example in examples] for name, examples in self.examples.items()}

    def unit_scores(self) -> list[UnitScores]:
        """The content of per_query.parquet."""
        parts = [(name, dim, judged) for name, dims in self.by_model.items() for dim, judged in dims.items()]
        return [
            UnitScores(name, dim, judged.units, judged.per_unit, judged.scores, judged.gold, judged.clusters)
            for name, dim, judged in [*parts, (BM25, 0, self.bm25)]
        ]


def judge_all(encoders: Mapping[str, Encoder], exam: Exam, progress: Progress) -> Judgement:
    """Judge the encoders called `base` and `tuned` (and any others) and BM25, and decide."""
    measure = decisive_measure(exam.data, exam.config)
    by_model = {}
    for name, encoder in encoders.items():
        dims = tuple(dim for dim in exam.dims if dim < encoder.dim)
        named = Named(progress, f"judge {name}")
        by_model[name] = judge(encoder, exam.data, exam.config, reference=exam.reference, dims=dims, progress=named)
    progress.stage("judge bm25")
    bm25 = judge_bm25(exam.data, exam.config, reference=exam.reference)
    general = _general(encoders, exam.config, progress) if exam.config.general else {}
    progress.stage("compare")
    base, tuned = (next(iter(by_model[name].values())) for name in (BASE, TUNED))
    comparison = compare(base, tuned, measure, exam.config)
    scores = {name: ability.score for name, ability in general.items()}
    verdict = decide(comparison, tuned.totals, scores.get(BASE), scores.get(TUNED), exam.config.verdict)
    examples = wins_and_losses(base, tuned, exam.data, measure, exam.config.examples)
    return Judgement(measure, comparison, verdict, by_model, bm25, general, examples, exam)


def _general(encoders: Mapping[str, Encoder], config: EvaluateConfig, progress: Progress) -> dict[str, GeneralAbility]:
    progress.stage("general ability", len(encoders))
    found = {}
    for name, encoder in encoders.items():
        found[name] = general_ability(encoder, config)
        progress.advance()
    return found
