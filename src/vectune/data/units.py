"""What a split divides, and the texts by which its parts hang together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vectune.data.normal import normal, text_key
from vectune.records import Dataset, Labelled, Retrieval, Scored


@dataclass(frozen=True)
class Space:
    """Texts of one role and the units that hold them: unit `units[i]` holds text `hubs[i]` (int64 [edges] both).

    `texts` are the distinct normalised texts. In `name` "documents" an equal text is a weaker tie than in "queries". In
    "pairs" each text names a whole pair, the stronger tie too.
    """

    name: str
    units: NDArray[np.int64]
    hubs: NDArray[np.int64]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Units:
    """The smallest parts of a data set that a split can tell apart: queries, scored pairs or labelled texts.

    `names[i]` is the normalised text that decides where unit i goes, if it is the first of its component.
    """

    names: tuple[str, ...]
    spaces: tuple[Space, ...]

    def __len__(self) -> int:
        return len(self.names)


def units_of(data: Dataset) -> Units:
    """The units of `data` in file order. A query's documents are those of grade 1 or more.

    Two queries of which each is relevant to the other, as duplicate questions are, hold one text in a space "pairs".
    """
    if isinstance(data, Scored):
        both = [(pair.first, pair.second) for pair in data.pairs]
        names = tuple(f"{normal(first)}\n{normal(second)}" for first, second in both)
        return Units(names, (_space("documents", both),))
    if isinstance(data, Labelled):
        texts = [(row.text,) for row in data.texts]
        return Units(tuple(normal(text) for (text,) in texts), (_space("queries", texts),))
    relevant = [[data.corpus[d] for d in relevant_ids(data, query)] for query in data.queries]
    queries, documents = _space("queries", [(text,) for text in data.queries.values()]), _space("documents", relevant)
    names = tuple(normal(text) for text in data.queries.values())
    return Units(names, (queries, documents, _both_ways(queries, documents)))


def relevant_ids(data: Retrieval, query: str) -> list[str]:
    """Ids of the documents relevant to a query."""
    return [document for document, grade in data.qrels.get(query, {}).items() if grade >= 1]


def only(data: Dataset, chosen: Iterable[int]) -> Dataset:
    """The data set of some units, in file order; retrieval keeps the whole corpus."""
    places = sorted(chosen)
    if isinstance(data, Scored):
        return replace(data, pairs=tuple(data.pairs[i] for i in places))
    if isinstance(data, Labelled):
        return replace(data, texts=tuple(data.texts[i] for i in places))
    ids = list(data.queries)
    wanted = [ids[i] for i in places]
    return replace(
        data,
        queries={query: data.queries[query] for query in wanted},
        qrels={query: data.qrels[query] for query in wanted if query in data.qrels},
        negatives={query: data.negatives[query] for query in wanted if query in data.negatives},
        scores={query: data.scores[query] for query in wanted if query in data.scores},
    )


def _both_ways(queries: Space, documents: Space) -> Space:
    """The pairs that stand in the data in both orders, held by their two units.

    The text that stands for a pair is one word, the numbers of its two texts, so that no other is nearly the same.
    """
    document_of = {text: hub for hub, text in enumerate(documents.texts)}
    as_document = np.array([document_of.get(text, -1) for text in queries.texts], np.int64)
    asked = as_document[queries.hubs]  # by unit, since each has one query
    turnable = np.flatnonzero(asked[documents.units] >= 0)
    units, relevant = documents.units[turnable].tolist(), documents.hubs[turnable].tolist()
    known = {(int(asked[unit]), document) for unit, document in zip(units, relevant, strict=True)}
    held: list[list[str]] = [[] for _ in queries.units]
    for unit, document in zip(units, relevant, strict=True):
        query = int(asked[unit])
        if query != document and (document, query) in known:
            held[unit].append(f"{min(query, document)}x{max(query, document)}")
    return _space("pairs", held)


def _space(name: str, texts_of_units: Sequence[Sequence[str]]) -> Space:
    hubs: dict[int, int] = {}
    texts: list[str] = []
    at: list[tuple[int, int]] = []
    for unit, held in enumerate(texts_of_units):
        for text in held:
            key = text_key(text)
            if key not in hubs:
                hubs[key] = len(texts)
                texts.append(normal(text))
            at.append((unit, hubs[key]))
    edges = np.array(sorted(set(at)), np.int64).reshape(-1, 2)
    return Space(name, edges[:, 0], edges[:, 1], tuple(texts))
