"""Settings of judging and of the verdict."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from vectune.config.model import Config
from vectune.config.vectors import Dim


class VerdictConfig(Config):
    """When a tuned model may ship."""

    max_general_drop: float = Field(0.03, ge=0)
    """How far general ability (0 to 1) may fall below the base model's before the answer is `do not ship`."""
    targets: dict[str, float] = {"recall@10": 0.90, "mrr@10": 0.70, "ndcg@10": 0.75, "map@100": 0.60}
    """Rule-of-thumb targets for retrieval, marked reached or missed; they do not change the verdict."""


class EvaluateConfig(Config):
    """What is measured and how sure it must be."""

    measure: str = "auto"
    """The measure that decides. `auto`: ndcg@10 for pairs, triplet_accuracy for triplets, spearman for scored pairs,
    knn_accuracy for labelled texts."""
    dims: tuple[Dim, ...] = ()
    """Matryoshka dimensions to judge besides the full size."""
    resamples: int = Field(10_000, ge=100)
    """Resamples of the paired bootstrap and of the permutation test."""
    confidence: float = Field(0.95, gt=0.5, lt=1)
    """Width of the interval of the difference."""
    neighbours: int = Field(10, ge=1)
    """Neighbours that vote in kNN accuracy of labelled texts."""
    examples: int = Field(10, ge=0)
    """Best and worst queries kept with their texts."""
    general: bool = True
    """Measure general ability on the packaged everyday set."""
    seed: int = Field(0, ge=0)
    """Seed of the resampling."""
    verdict: VerdictConfig = VerdictConfig()
    """When a tuned model may ship."""

    @model_validator(mode="after")
    def _can_decide(self) -> Self:
        """The smallest p that so many resamples can give must be one that decides."""
        if 1 / (self.resamples + 1) > 1 - self.confidence:
            raise ValueError(f"{self.resamples} resamples can decide nothing at a confidence of {self.confidence}")
        return self
