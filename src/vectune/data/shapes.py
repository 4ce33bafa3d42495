"""The row shapes that vectune knows: which column names play which role, and what each mixture is called."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vectune.records import Kind

ANCHOR_NAMES = ("query", "anchor", "question", "prompt", "input", "sentence1", "text1")
POSITIVE_NAMES = (
    *("positive", "positives", "pos", "pos_doc", "positive_passages"),
    *("answer", "document", "passage", "response", "completion", "output", "sentence2", "text2"),
)
NEGATIVE_NAMES = (
    *("negative", "negatives", "neg", "neg_doc", "negative_passages"),
    *("hard_negative", "hard_negatives", "rejected_response"),
)
NEGATIVE_NUMBERED = re.compile(r"(negative|neg|hard_negative)_?\d+")
SCORE_NAMES = ("score", "label", "similarity", "similarity_score")
TEXT_NAMES = ("text", "sentence", *ANCHOR_NAMES)
LABEL_NAMES = ("label", "class", "category", "intent")
NEVER_SCORED = POSITIVE_NAMES[:5]
"""A column so named says that its text is relevant; a score beside it grades the miner's confidence, not similarity."""
ROLES = ("anchor", "positive", "negative", "first", "second", "score", "text", "label")
ROLE_SETS = (
    ("anchor", "positive", "negative"),
    ("first", "second", "score"),
    ("text", "label"),
    ("anchor", "positive", "score"),
)
"""Roles that may be named together, in the order in which people should name them."""
UNASKED = ("sentence1", "text1")
"""Anchor names that do not say which side asks, so that the two sides can't stand the wrong way round."""


@dataclass(frozen=True)
class NamedShape:
    """A mixture of columns that has a name of its own; `ignored` columns play no role in it."""

    name: str
    columns: frozenset[str]
    ignored: frozenset[str] = frozenset()
    kinds: tuple[Kind, ...] = (Kind.PAIRS, Kind.TRIPLETS)


NAMED_SHAPES = (
    NamedShape("ms-swift", frozenset({"messages", "positive_messages"}), kinds=(Kind.PAIRS, Kind.SCORED)),
    NamedShape("chat", frozenset({"messages"})),
    NamedShape("nvidia", frozenset({"pos_doc"})),
    NamedShape("flagembedding", frozenset({"query", "pos"}), frozenset({"prompt"})),
    NamedShape("ms-swift", frozenset({"query", "response", "label"}), kinds=(Kind.SCORED,)),
    NamedShape("ms-swift", frozenset({"query", "response", "rejected_response"})),
    NamedShape("legacy", frozenset({"prompt", "completion"})),
)


def named_shape(columns: frozenset[str]) -> NamedShape | None:
    """The first named shape whose columns (lower case) are all there."""
    return next((shape for shape in NAMED_SHAPES if shape.columns <= columns), None)
