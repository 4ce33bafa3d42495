"""What two sides of a split share, and train without it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vectune.data.near_duplicates import near_duplicates_between
from vectune.data.normal import text_key
from vectune.data.reversals import PairKeys, reversed_pairs
from vectune.data.units import relevant_ids
from vectune.records import Dataset, Kind, Labelled, Retrieval, Scored, Splits

Texts = dict[int, str]
"""Key of a normalised text to the text."""


@dataclass(frozen=True)
class Overlaps:
    """What is shared by "train/dev", "train/test" and "dev/test".

    `shared`: how many "queries", "documents" and "near_duplicates" of the second side are on the first too.
    `uncompared`: how many texts of the second have no near-duplicate among those of the first that they were compared
    with, while more of the first look like them; only sides with such texts are in it.
    """

    shared: dict[str, dict[str, int]]
    uncompared: dict[str, int]


def count_overlaps(splits: Splits, near_duplicate: float) -> Overlaps:
    """For train/dev, train/test and dev/test: texts of the second that the first has too, or nearly (not both).

    A query counts as shared, too, when it and one of its documents stand the other way round in the first.
    """
    shared: dict[str, dict[str, int]] = {}
    uncompared: dict[str, int] = {}
    for first, second in (("train", "dev"), ("train", "test"), ("dev", "test")):
        pair = f"{first}/{second}"
        shared[pair], left_over = _shared(getattr(splits, first), getattr(splits, second), near_duplicate)
        if left_over:
            uncompared[pair] = left_over
    return Overlaps(shared, uncompared)


@dataclass(frozen=True)
class Leaks:
    """Keys of the texts of one side that another side has, or nearly has, and its pairs that the other has turned."""

    queries: frozenset[int]
    documents: frozenset[int]
    turned: PairKeys


def without_leaks(data: Dataset, held_out: Dataset, near_duplicate: float) -> tuple[Dataset, int]:
    """`data` less all that `held_out` has too or nearly has, and how many judgements, negatives or rows that took.

    A query goes when its text does, or when none of its relevant documents is left; of other queries only the
    judgements of shared documents go, those that `held_out` has the other way round, and the negatives that are
    relevant in `held_out`.
    """
    leaks = Leaks(
        _leaking(_queries(data), _queries(held_out), near_duplicate),
        _leaking(_documents(data), _documents(held_out), near_duplicate),
        reversed_pairs(data, held_out),
    )
    if isinstance(data, Scored):
        pairs = tuple(p for p in data.pairs if not {text_key(p.first), text_key(p.second)} & leaks.documents)
        return replace(data, pairs=pairs), len(data.pairs) - len(pairs)
    if isinstance(data, Labelled):
        texts = tuple(row for row in data.texts if text_key(row.text) not in leaks.queries)
        return replace(data, texts=texts), len(data.texts) - len(texts)
    cleared, negatives = without_held_out_negatives(_without_judgements(data, leaks), held_out, near_duplicate)
    return _with_scores_of_its_own(cleared), _judgements(data) - _judgements(cleared) + negatives


def without_held_out_negatives(data: Retrieval, held_out: Dataset, near_duplicate: float) -> tuple[Retrieval, int]:
    """`data` less the negatives that are, or nearly are, relevant in `held_out`, and how many those were.

    Training pushes negatives away from queries, so such a one would spoil what is judged. Triplets that lose their last
    negative go.
    """
    given = {text_key(data.corpus[d]): data.corpus[d] for ids in data.negatives.values() for d in ids}
    wrong = _leaking(given, _documents(held_out), near_duplicate)
    if not wrong:
        return data, 0
    left = {
        query: tuple(d for d in ids if text_key(data.corpus[d]) not in wrong) for query, ids in data.negatives.items()
    }
    count = sum(map(len, data.negatives.values())) - sum(map(len, left.values()))
    bare = {query for query, ids in left.items() if not ids} if data.kind is Kind.TRIPLETS else set()
    cleared = replace(_without_queries(data, bare), negatives={query: ids for query, ids in left.items() if ids})
    return _with_scores_of_its_own(cleared), count


def _shared(first: Dataset, second: Dataset, near_duplicate: float) -> tuple[dict[str, int], int]:
    queries, documents = (_queries(first), _queries(second)), (_documents(first), _documents(second))
    near = uncompared = 0
    for here, there in (queries, documents):
        fresh = [text for key, text in there.items() if key not in here]
        matches = near_duplicates_between(fresh, list(here.values()), near_duplicate)
        near += int((matches.found >= 0).sum())
        uncompared += matches.unfinished
    same_queries = queries[0].keys() & queries[1].keys()
    turned = {query for query, _ in reversed_pairs(second, first)}
    same_pairs = len(_pairs(first) & _pairs(second)) if isinstance(first, Scored) and isinstance(second, Scored) else 0
    found = {
        "queries": len(same_queries | turned) + same_pairs,
        "documents": len(documents[0].keys() & documents[1].keys()),
        "near_duplicates": near,
    }
    return found, uncompared


def _leaking(texts: Texts, held_out: Texts, near_duplicate: float) -> frozenset[int]:
    """Keys of `texts` that are among `held_out` or have a near-duplicate there."""
    fresh = [key for key in texts if key not in held_out]
    match = near_duplicates_between([texts[key] for key in fresh], list(held_out.values()), near_duplicate).found
    near = {key for key, other in zip(fresh, match.tolist(), strict=True) if other >= 0}
    return frozenset(near | (texts.keys() & held_out.keys()))


def _queries(data: Dataset) -> Texts:
    if isinstance(data, Labelled):
        return {text_key(row.text): row.text for row in data.texts}
    if isinstance(data, Scored):
        return {}
    return {text_key(text): text for text in data.queries.values()}


def _documents(data: Dataset) -> Texts:
    if isinstance(data, Labelled):
        return {}
    if isinstance(data, Scored):
        return {text_key(text): text for pair in data.pairs for text in (pair.first, pair.second)}
    ids = {document for query in data.queries for document in relevant_ids(data, query)}
    return {text_key(data.corpus[document]): data.corpus[document] for document in sorted(ids)}


def _pairs(data: Scored) -> set[frozenset[int]]:
    return {frozenset((text_key(pair.first), text_key(pair.second))) for pair in data.pairs}


def _judgements(data: Retrieval) -> int:
    return sum(map(len, data.qrels.values()))


def _without_judgements(data: Retrieval, leaks: Leaks) -> Retrieval:
    """The data less leaking queries, and less judgements of leaking documents."""
    qrels = {query: _without_leaking(data, query, leaks) for query in data.qrels}
    bare = {query for query, grades in qrels.items() if not any(grade >= 1 for grade in grades.values())}
    leaking = {query for query, text in data.queries.items() if text_key(text) in leaks.queries}
    return _without_queries(replace(data, qrels=qrels), bare | leaking)


def _without_leaking(data: Retrieval, query: str, leaks: Leaks) -> dict[str, int]:
    """The judgements of a query that do not leak."""
    asked = text_key(data.queries[query])
    left = {}
    for document, grade in data.qrels[query].items():
        key = text_key(data.corpus[document])
        if grade < 1 or not (key in leaks.documents or (asked, key) in leaks.turned):
            left[document] = grade
    return left


def _without_queries(data: Retrieval, gone: set[str]) -> Retrieval:
    return replace(
        data,
        queries={query: text for query, text in data.queries.items() if query not in gone},
        qrels={query: grades for query, grades in data.qrels.items() if query not in gone},
        negatives={query: ids for query, ids in data.negatives.items() if query not in gone},
        scores={query: found for query, found in data.scores.items() if query not in gone},
    )


def _with_scores_of_its_own(data: Retrieval) -> Retrieval:
    """The data less the scores of documents that its queries no longer have."""
    if not data.scores:
        return data
    own = {query: {*data.qrels.get(query, ()), *data.negatives.get(query, ())} for query in data.scores}
    scores = {query: {d: s for d, s in found.items() if d in own[query]} for query, found in data.scores.items()}
    return replace(data, scores={query: found for query, found in scores.items() if found})
