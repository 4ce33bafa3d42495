"""Which documents a step of an adapter's training ranks."""

from __future__ import annotations

import numpy as np
import pytest

from vectune.config import TrainConfig
from vectune.encode.encoder import Vectors
from vectune.records import Retrieval
from vectune.train.adapter_candidates import Candidates
from vectune.train.adapter_rows import AdapterRows, adapter_rows

QUERIES, DOCUMENTS = 6, 40
EDGES = np.array([[0, 0], [2, 3], [2, 4]])


def _rows() -> AdapterRows:
    """Query q has the documents 2q - 1 and 2q; all others are hard negatives of the first."""
    queries = {f"q{n}": f"query {n}" for n in range(QUERIES)}
    corpus = {f"d{n}": f"document {n}" for n in range(DOCUMENTS)}
    qrels = {f"q{n}": {f"d{m}": 1 for m in (2 * n - 1, 2 * n) if m >= 0} for n in range(QUERIES)}
    others = tuple(f"d{n}" for n in range(2 * QUERIES - 1, DOCUMENTS))
    return adapter_rows(Retrieval(queries, corpus, qrels, negatives={"q0": others}))


def _vectors(count: int) -> Vectors:
    drawn = np.random.default_rng(count).standard_normal((count, 8)).astype(np.float32)
    normal: Vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return normal


def _candidates(most: int) -> Candidates:
    config = TrainConfig(method="adapter", adapter_candidates=most)
    return Candidates(_rows(), _vectors(QUERIES), _vectors(DOCUMENTS), config)


def _positions(pairs: np.ndarray, rows: AdapterRows) -> np.ndarray:
    """The edges of queries and documents by their numbers, as the rows have them."""
    return np.array([[rows.queries.index(f"query {q}"), rows.documents.index(f"document {d}")] for q, d in pairs])


def test_all_documents_are_ranked_where_they_are_few() -> None:
    """No choice is made; a query's other positive is known beside the one that is asked for."""
    edges = _positions(EDGES, _rows())
    chosen, targets, known = _candidates(DOCUMENTS).of(edges, step=1)
    assert chosen is None
    assert targets.tolist() == edges[:, 1].tolist()
    assert known.shape == (len(EDGES), DOCUMENTS)
    assert [np.flatnonzero(row).tolist() for row in known.numpy()] == [
        [edges[0, 1]], *[sorted(edges[1:, 1].tolist())] * 2,
    ]  # fmt: skip


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_part_has_the_positives_of_the_batch_and_no_more_than_allowed(step: int) -> None:
    """Columns are those of the documents chosen, and positives that were not chosen are not among the known."""
    rows = _rows()
    edges = _positions(EDGES, rows)
    chosen, targets, known = _candidates(10).of(edges, step)
    assert chosen is not None
    assert len(set(chosen.tolist())) == len(chosen) <= 10
    assert chosen[targets].tolist() == edges[:, 1].tolist()
    for query, row in zip(edges[:, 0], known, strict=True):
        assert set(chosen[row].tolist()) == set(chosen.tolist()) & set(rows.known[query].tolist())


def test_what_is_drawn_depends_on_the_step_alone() -> None:
    """A step that is done again after a kill ranks what it ranked; another step ranks others."""
    edges = _positions(EDGES, _rows())
    one, other = _candidates(10), _candidates(10)
    first = one.of(edges, 1)[0]
    second = one.of(edges, 2)[0]
    again = other.of(edges, 2)[0]
    assert first is not None
    assert second is not None
    assert again is not None
    assert again.tolist() == second.tolist() != first.tolist()
