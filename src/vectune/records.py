"""The values that travel between the layers: frozen, plain Python, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a data set holds, which decides the loss and the measures."""

    PAIRS = "pairs"
    """Queries with relevant documents, perhaps with hard negatives: retrieval."""
    TRIPLETS = "triplets"
    """Every row is one anchor, one positive and one negative: judged by triplet accuracy, and as retrieval too."""
    SCORED = "scored"
    """Two texts and how similar they are."""
    LABELLED = "labelled"
    """A text and the class it belongs to."""


class Role(StrEnum):
    """Which side of a retrieval a text stands on; models with prompts encode the two sides differently."""

    QUERY = "query"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Pair:
    """One row of pairs, triplets or lists: an anchor, its positives and its hard negatives.

    `row` is the 1-based line or row number in the source, `line 0` where the source has none. `scores` says how well
    each text fits the anchor, positives first, then negatives, on the source's own scale, higher for better; None for a
    text without one. It is empty where the source has no scores.
    """

    anchor: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...] = ()
    row: int = 0
    scores: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """Two texts and their similarity, always on 0 to 1 here whatever the source's scale was."""

    first: str
    second: str
    score: float
    row: int = 0


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and its class."""

    text: str
    label: str
    row: int = 0


Row = Pair | ScoredPair | LabelledText


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row (or part of one) that was left out: where it stood, why, and the row as read (cut to 2,000 characters)."""

    row: int
    reason: str
    content: str = ""


@dataclass(frozen=True)
class Retrieval:
    """Queries, a corpus and judgements: what pairs, triplets and BEIR folders become.

    `qrels[query_id][document_id]` is a grade: 1 or more is relevant (higher is better), 0 is judged not relevant.
    `negatives[query_id]` are document ids given as hard negatives. Every id in `qrels` or `negatives` is in
    `queries` and `corpus`. The corpus may hold documents that no query points to. `scores[query_id][document_id]` says
    how well some judge, often a cross-encoder, found a document of `qrels` or `negatives` to fit; the scale is its own.
    """

    queries: Mapping[str, str]
    corpus: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    negatives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kind: Kind = Kind.PAIRS
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.queries)


@dataclass(frozen=True)
class Scored:
    """Pairs of texts with a similarity."""

    pairs: tuple[ScoredPair, ...]
    kind: Kind = Kind.SCORED

    def __len__(self) -> int:
        return len(self.pairs)


@dataclass(frozen=True)
class Labelled:
    """Texts with a class."""

    texts: tuple[LabelledText, ...]
    kind: Kind = Kind.LABELLED

    def __len__(self) -> int:
        return len(self.texts)


Dataset = Retrieval | Scored | Labelled


@dataclass(frozen=True)
class Splits:
    """The three sides of a data set; for retrieval all three share one corpus."""

    train: Dataset
    dev: Dataset
    test: Dataset

    @property
    def kind(self) -> Kind:
        """What the data set holds."""
        return self.train.kind
