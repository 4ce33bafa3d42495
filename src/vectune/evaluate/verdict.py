"""The verdict: may the tuned model take the base model's place?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vectune.config import VerdictConfig
from vectune.evaluate.measures import CORRELATIONS
from vectune.evaluate.significance import Comparison

Answer = Literal["ship", "do not ship", "undecided"]
EXIT_STATUS: Mapping[Answer, int] = {"ship": 0, "do not ship": 3, "undecided": 4}
FEWEST_UNITS = 10
"""Below this many queries, pairs or texts (or clusters of them) no difference between the models decides."""
FEW_UNITS = 200
"""Below this many the sentence says how small a difference would have gone unseen."""
_MILLION = 1_000_000
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Verdict:
    """The answer, a sentence that explains it, the command's exit status and which targets were reached."""

    verdict: Answer
    sentence: str
    exit_status: int
    targets: dict[str, bool]


def decide(
    comparison: Comparison,
    totals: Mapping[str, float],
    general_base: float | None,
    general_tuned: float | None,
    config: VerdictConfig,
) -> Verdict:
    """The verdict on a comparison.

    In this order: `do not ship` when general ability fell by more than `config.max_general_drop`; `undecided` with
    fewer than 10 units (clusters, where units ask for the same) or when the difference does not decide
    (`Comparison.decides`); `do not ship` when the interval lies below zero; `ship` when it lies above.
    `totals` are the tuned model's measures, which the targets are held against. General ability is None when it was
    not measured.
    """
    general = _General(general_base, general_tuned, config.max_general_drop)
    answer, sentence = _answer(comparison, general)
    return Verdict(answer, sentence, EXIT_STATUS[answer], _targets(totals, config))


@dataclass(frozen=True)
class _General:
    base: float | None
    tuned: float | None
    allowed: float

    @property
    def fell(self) -> bool:
        """General ability fell by more than is allowed."""
        if self.base is None or self.tuned is None:
            return False
        return self.base - self.tuned > self.allowed + _ROUNDING

    @property
    def said(self) -> str:
        """How it moved, as the end of a sentence; empty when it was not measured."""
        if self.base is None or self.tuned is None:
            return ""
        moved = f"general ability goes from {self.base:.3f} to {self.tuned:.3f}"
        return f"{moved}, {'more' if self.fell else 'no more'} than the drop of {self.allowed:.3f} that is allowed"


def _answer(comparison: Comparison, general: _General) -> tuple[Answer, str]:
    units = _units(comparison)
    moved = (
        f"{comparison.measure} goes from {comparison.base:.3f} to {comparison.tuned:.3f}, by "
        f"{comparison.difference:+.3f} ({_percent(comparison)} interval {comparison.low:+.3f} to "
        f"{comparison.high:+.3f}, {units})"
    )
    seen = _what_could_be_seen(comparison)
    if general.fell:
        return "do not ship", _sentence("Do not ship", general.said, moved, seen)
    if comparison.trials < FEWEST_UNITS:
        return "undecided", f"Undecided: {units} {_too_few(comparison)}."
    if not comparison.decides:
        return "undecided", _sentence("Undecided", f"{moved}: {_what_would_decide(comparison)}", general.said, seen)
    if comparison.high < 0:
        return "do not ship", _sentence("Do not ship", f"{moved}: worse than the base model", general.said, seen)
    return "ship", _sentence("Ship", f"{moved}: better than the base model", general.said, seen)


def _sentence(answer: str, *parts: str) -> str:
    return f"{answer}: {'; '.join(part for part in parts if part)}."


def _what_would_decide(comparison: Comparison) -> str:
    needed, noun = comparison.queries_to_decide, _noun(comparison.measure, _MILLION)
    if needed is None:
        return "no difference was seen"
    if needed > _MILLION:
        return f"the two are so close that even {_MILLION:,} {noun} would not tell them apart"
    alike = "" if comparison.clusters is None else " in such clusters"
    return f"{_chance(comparison)}; about {needed:,} {noun}{alike} would decide a difference of this size"


def _chance(comparison: Comparison) -> str:
    """That the difference may be none, and by which of the two tests; the interval stands in the sentence already."""
    if comparison.low <= 0 <= comparison.high:
        return "this could be chance"
    return f"this could be chance, since p is {comparison.p:.4f} and {1 - comparison.confidence:g} at most decides"


def _too_few(comparison: Comparison) -> str:
    verb = "is" if comparison.queries == 1 else "are"
    least = FEWEST_UNITS if comparison.clusters is None else f"{FEWEST_UNITS} clusters"
    return f"{verb} too few to judge, at least {least} are needed"


def _what_could_be_seen(comparison: Comparison) -> str:
    """How small a difference few units would have missed; empty where there are enough of them."""
    if comparison.trials >= FEW_UNITS:
        return ""
    trials = _queries(comparison) if comparison.clusters is None else _clusters(comparison.clusters)
    return f"with {trials} a difference under {comparison.smallest_detectable:.3f} is mostly missed"


def _units(comparison: Comparison) -> str:
    """The units, and the clusters that they make where some ask for the same."""
    if comparison.clusters is None:
        return _queries(comparison)
    shared = "texts" if comparison.measure in CORRELATIONS else "documents"
    return f"{_queries(comparison)} in {_clusters(comparison.clusters)} of shared {shared}"


def _queries(comparison: Comparison) -> str:
    return f"{comparison.queries:,} {_noun(comparison.measure, comparison.queries)}"


def _clusters(count: int) -> str:
    return f"{count:,} {'cluster' if count == 1 else 'clusters'}"


def _noun(measure: str, count: int) -> str:
    if measure in CORRELATIONS:
        one, many = "pair", "pairs"
    elif measure in ("knn_accuracy", "probe_accuracy"):
        one, many = "text", "texts"
    else:
        one, many = "query", "queries"
    return one if count == 1 else many


def _percent(comparison: Comparison) -> str:
    return f"{100 * comparison.confidence:g} %"


def _targets(totals: Mapping[str, float], config: VerdictConfig) -> dict[str, bool]:
    """Targets of retrieval: reached or missed. Ranking by label is not retrieval and has none."""
    if "knn_accuracy" in totals:
        return {}
    return {name: totals[name] >= target for name, target in config.targets.items() if name in totals}
