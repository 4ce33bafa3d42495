"""General ability: is the model still good at what it was not tuned for?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from vectune.config import EvaluateConfig
from vectune.encode.encoder import Encoder
from vectune.evaluate.judge import judge
from vectune.monitor.progress import Progress
from vectune.records import Retrieval, Scored, ScoredPair


@dataclass(frozen=True)
class GeneralAbility:
    """Scores on the packaged everyday set, each 0 to 1 (similarity may fall below 0).

    `retrieval` is nDCG@10, `similarity` Spearman's correlation and `score` the mean of the two.
    """

    retrieval: float
    similarity: float
    score: float


def general_ability(
    encoder: Encoder,
    config: EvaluateConfig,
    *,
    everyday: tuple[Retrieval, Scored] | None = None,
    progress: Progress | None = None,
) -> GeneralAbility:
    """Judge a model at full size on the packaged everyday set, or on `everyday`."""
    retrieval_set, similarity_set = everyday or general_set()
    retrieval = judge(encoder, retrieval_set, config, progress=progress)[encoder.dim].totals["ndcg@10"]
    similarity = judge(encoder, similarity_set, config, progress=progress)[encoder.dim].totals["spearman"]
    return GeneralAbility(retrieval, similarity, (retrieval + similarity) / 2)


@cache
def general_set() -> tuple[Retrieval, Scored]:
    """The packaged everyday set: questions with one document each, and pairs with a similarity from 0 to 1."""
    return load_general_set(resources.files("vectune.evaluate") / "everyday")


@cache
def guard_set() -> tuple[Retrieval, Scored]:
    """A second packaged everyday set, with no text of the first: what may be looked at while weights are chosen.

    The judged set stays unseen until the end, so that its figure is worth as much as that of the test split.
    """
    return load_general_set(resources.files("vectune.evaluate") / "everyday", "guard_")


def load_general_set(folder: Traversable, prefix: str = "") -> tuple[Retrieval, Scored]:
    """Read retrieval.jsonl (query, document) and similarity.jsonl (first, second, score) of `folder`.

    `prefix` stands before both names. All documents together are the corpus; equal documents are one.
    """
    rows = _read(folder / f"{prefix}retrieval.jsonl")
    documents = {text: f"d{place}" for place, text in enumerate(dict.fromkeys(row["document"] for row in rows))}
    retrieval = Retrieval(
        queries={f"q{place}": row["query"] for place, row in enumerate(rows)},
        corpus={name: text for text, name in documents.items()},
        qrels={f"q{place}": {documents[row["document"]]: 1} for place, row in enumerate(rows)},
    )
    pairs = (
        ScoredPair(row["first"], row["second"], float(row["score"]), place)
        for place, row in enumerate(_read(folder / f"{prefix}similarity.jsonl"), start=1)
    )
    return retrieval, Scored(tuple(pairs))


def _read(file: Traversable) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
