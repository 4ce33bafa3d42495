"""Small data sets for tests of splitting."""

from __future__ import annotations

from collections.abc import Sequence

from vectune.data.assemble import assemble
from vectune.data.normal import normal
from vectune.records import Kind, Labelled, LabelledText, Pair, Retrieval, Scored, ScoredPair


def retrieval(pairs: Sequence[tuple[str, str]], negatives: dict[str, tuple[str, ...]] | None = None) -> Retrieval:
    """Pairs of query and document, numbered from 1; `negatives` by query."""
    rows = [Pair(q, (d,), (negatives or {}).get(q, ()), i) for i, (q, d) in enumerate(pairs, 1)]
    data = assemble(rows, Kind.PAIRS)
    assert isinstance(data, Retrieval)
    return data


def labelled(texts: Sequence[str]) -> Labelled:
    return Labelled(tuple(LabelledText(text, "xy"[i % 2], i) for i, text in enumerate(texts, 1)))


def scored(pairs: Sequence[tuple[str, str]]) -> Scored:
    return Scored(tuple(ScoredPair(first, second, 0.5, i) for i, (first, second) in enumerate(pairs, 1)))


def numbered(count: int, begin: int = 0) -> list[tuple[str, str]]:
    """Pairs that have no word in common with one another."""
    return [(f"question{i} asked{i}", f"answer{i} given{i}") for i in range(begin, begin + count)]


def sentence(number: int, words: int = 30) -> str:
    """A sentence whose words no other number has."""
    return " ".join(f"w{number}x{i}" for i in range(words))


def texts_of(data: Retrieval) -> set[str]:
    return {normal(text) for text in data.queries.values()}
