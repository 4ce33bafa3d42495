"""Batches: complete, without repeats, the same for the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectune.config import TrainConfig
from vectune.errors import TrainingError
from vectune.records import Labelled, LabelledText, Retrieval, Scored, ScoredPair
from vectune.train.batch import Batch, Classes, Contrast, Grades
from vectune.train.recipe import Recipe
from vectune.train.rows import ContrastRows, LabelledRows, ScoredRows

RECIPE = Recipe("info_nce", 1, 4, 1e-4)
CONFIG = TrainConfig()


def retrieval(edges: list[tuple[int, int]], negatives: dict[str, tuple[str, ...]] | None = None) -> Retrieval:
    qrels: dict[str, dict[str, int]] = {}
    for query, document in edges:
        qrels.setdefault(f"q{query}", {})[f"d{document}"] = 1
    corpus = {f"d{i}": f"document {i}" for i in range(12)}
    return Retrieval({query: f"query {query}" for query in qrels}, corpus, qrels, negatives or {})


def contrast(batch: Batch) -> Contrast:
    assert isinstance(batch.arrangement, Contrast)
    return batch.arrangement


EDGES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=2, max_size=40, unique=True)


def rows_of(batch: Batch) -> list[tuple[int, int]]:
    """The batch's rows as numbers of query and document."""
    part = contrast(batch)
    positives = part.candidates[: batch.num_rows]
    return [(int(batch.texts[a]), int(batch.texts[p])) for a, p in zip(part.anchors, positives, strict=True)]


@given(EDGES, st.integers(0, 5))
def test_every_row_is_seen_once_an_epoch(edges: list[tuple[int, int]], epoch: int) -> None:
    """Whatever the judgements, as few batches as hold the rows, and each row in one of them, unless a whole batch has
    nothing that is not relevant."""
    rows = ContrastRows(retrieval(edges), CONFIG, RECIPE)
    batches = rows.batches(epoch)
    seen = [row for batch in batches for row in rows_of(batch)]
    assert len(seen) == len(set(seen))
    assert all(batch.num_rows <= 4 and not contrast(batch).known.all() for batch in batches)
    left_out = len(rows) - len(seen)
    assert left_out == 0 if len(batches) == -(-len(edges) // 4) else left_out > 0


def test_no_text_stands_twice_in_a_batch_where_it_need_not() -> None:
    """Thirty documents with four queries each, and queries with two documents: a batch has each text once."""
    edges = [(i, i % 30) for i in range(120)] + [(i, 30 + i) for i in range(30)]
    qrels = {f"q{q}": {f"d{d}": 1 for query, d in edges if query == q} for q in range(120)}
    data = Retrieval({q: f"query {q}" for q in qrels}, {f"d{i}": f"document {i}" for i in range(60)}, qrels)
    batches = ContrastRows(data, CONFIG, replace(RECIPE, batch_size=8)).batches(0)
    for batch in batches[:-1]:
        queries, documents = zip(*rows_of(batch), strict=True)
        assert (len(set(queries)), len(set(documents))) == (8, 8)
    assert sum(batch.num_rows for batch in batches) == 150


def test_a_document_of_many_rows_is_spread_over_full_batches() -> None:
    """A tenth of all rows has one document: every batch is full, and none is a negative of another."""
    popular = {f"q{i}": {"d0": 1} for i in range(20)}
    others = {f"q{i}": {f"d{i}": 1} for i in range(20, 200)}
    names = {name for grades in (popular | others).values() for name in grades}
    data = Retrieval({q: f"query {q}" for q in popular | others}, {d: f"document {d}" for d in names}, popular | others)
    batches = ContrastRows(data, CONFIG, replace(RECIPE, batch_size=20)).batches(0)
    assert [batch.num_rows for batch in batches] == [20] * 10
    for batch in batches:
        part = contrast(batch)
        popular_columns = np.flatnonzero(np.bincount(part.candidates, minlength=len(batch.texts))[part.candidates] > 1)
        assert len(popular_columns) <= 6
        assert part.known[np.ix_(popular_columns, popular_columns)].all()
        assert part.known.sum() == 20 - len(popular_columns) + len(popular_columns) ** 2


def test_rows_without_any_negative_are_left_out() -> None:
    """One document for all queries: nothing can be told apart, unless a negative is given."""
    data = retrieval([(i, 0) for i in range(8)])
    assert len(ContrastRows(data, CONFIG, RECIPE).batches(0)) == 0
    known = retrieval([(i, 0) for i in range(8)], {"q0": ("d0",)})
    assert len(ContrastRows(known, CONFIG, RECIPE).batches(0)) == 0
    one = retrieval([(i, 0) for i in range(8)], {"q0": ("d1",)})
    assert len(ContrastRows(one, CONFIG, RECIPE).batches(0)) == 1


@given(EDGES)
def test_known_positives_of_the_batch_are_marked(edges: list[tuple[int, int]]) -> None:
    """A candidate is marked exactly when the judgements call it relevant for that anchor."""
    data = retrieval(edges)
    rows = ContrastRows(data, CONFIG, RECIPE)
    names = {number: text.split()[-1] for (_, text), number in rows.pool._numbers.items()}
    for batch in rows.batches(1):
        part = contrast(batch)
        for i, anchor in enumerate(part.anchors):
            for j, candidate in enumerate(part.candidates):
                query, document = names[int(batch.texts[anchor])], names[int(batch.texts[candidate])]
                assert part.known[i, j] == (f"d{document}" in data.qrels[query])


def test_batches_depend_on_seed_and_epoch_alone() -> None:
    """The same seed and epoch give the same batches; another epoch gives another order."""
    data = retrieval([(i, i) for i in range(8)])
    first, again = (ContrastRows(data, CONFIG, RECIPE).batches(3) for _ in range(2))
    assert all((one.texts == two.texts).all() for one, two in zip(first, again, strict=True))
    other = ContrastRows(data, CONFIG, RECIPE).batches(4)
    assert any((one.texts != two.texts).any() for one, two in zip(first, other, strict=True))


def test_given_negatives_join_the_candidates_up_to_the_limit() -> None:
    """Of three negatives two are drawn; they are marked as this anchor's own."""
    data = retrieval([(0, 0), (1, 1)], {"q0": ("d5", "d6", "d7")})
    (batch,) = ContrastRows(data, TrainConfig(max_negatives=2), RECIPE).batches(0)
    part = contrast(batch)
    assert len(part.candidates) == 4
    assert part.given.sum() == 2
    assert not part.given[:, :2].any()


def test_a_negative_that_is_a_positive_of_the_batch_is_not_encoded_twice() -> None:
    """The other anchor's positive serves as the negative."""
    (batch,) = ContrastRows(retrieval([(0, 0), (1, 1)], {"q0": ("d1",)}), CONFIG, RECIPE).batches(0)
    assert len(contrast(batch).candidates) == 2
    assert contrast(batch).given.sum() == 1


def test_scores_of_the_data_travel_with_the_batch() -> None:
    """Scores stand at their anchor and candidate, brought to a span of 1 over all rows; without any there are none."""
    data = replace(
        retrieval([(0, 0), (1, 1), (2, 2)], {"q0": ("d5",), "q1": ("d0",)}),
        scores={"q0": {"d0": 9.0, "d5": 5.0}, "q1": {"d1": 4.0, "d0": -1.0, "d9": 3.0}},
    )
    rows = ContrastRows(data, CONFIG, RECIPE)
    names = [text for _, text in rows.pool]
    (batch,) = rows.batches(0)
    part = contrast(batch)
    assert part.scores is not None
    found = {
        (names[batch.texts[part.anchors[row]]], names[batch.texts[part.candidates[column]]]): float(value)
        for row, column, value in zip(part.scores.rows, part.scores.columns, part.scores.values, strict=True)
    }
    assert found == pytest.approx(
        {
            ("query q0", "document 0"): 0.9,
            ("query q0", "document 5"): 0.5,
            ("query q1", "document 1"): 0.4,
            ("query q1", "document 0"): -0.1,
        }
    )
    (plain,) = ContrastRows(retrieval([(0, 0), (1, 1)]), CONFIG, RECIPE).batches(0)
    assert contrast(plain).scores is None


def test_scored_pairs_share_texts() -> None:
    """A sentence that is in two pairs of a batch is encoded once."""
    data = Scored((ScoredPair("a", "b", 0.1), ScoredPair("a", "c", 0.9)))
    (batch,) = ScoredRows(data, CONFIG, RECIPE).batches(0)
    assert isinstance(batch.arrangement, Grades)
    assert len(batch.texts) == 3
    assert sorted(batch.arrangement.gold.tolist()) == pytest.approx([0.1, 0.9])


def test_labelled_batches_hold_several_texts_of_a_label() -> None:
    """Each batch has partners to pull together, and each text comes once an epoch."""
    texts = tuple(LabelledText(f"text {label} {i}", label) for label in "abcd" for i in range(8))
    batches = LabelledRows(Labelled(texts), CONFIG, Recipe("supervised_contrastive", 1, 8, 1e-4)).batches(0)
    assert sorted(int(text) for batch in batches for text in batch.texts) == list(range(32))
    for batch in batches:
        assert isinstance(batch.arrangement, Classes)
        assert np.bincount(batch.arrangement.labels).max() >= 2


@pytest.mark.parametrize("count", [2, 8])
def test_texts_of_one_label_come_in_groups_of_the_wanted_size(count: int) -> None:
    """With `texts_per_label` of 8 a batch of 16 holds two labels, with 2 up to eight."""
    texts = tuple(LabelledText(f"text {label} {i}", label) for label in "abcdefgh" for i in range(8))
    config, recipe = TrainConfig(texts_per_label=count), Recipe("supervised_contrastive", 1, 16, 1e-4)
    for batch in LabelledRows(Labelled(texts), config, recipe).batches(0):
        assert isinstance(batch.arrangement, Classes)
        counts = np.bincount(batch.arrangement.labels)
        assert len(batch.texts) == 16
        assert (counts[counts > 0] % count == 0).all()


def test_one_label_alone_is_refused() -> None:
    """Nothing can be told apart with one label."""
    with pytest.raises(TrainingError, match="only one label"):
        LabelledRows(Labelled((LabelledText("a", "x"), LabelledText("b", "x"))), CONFIG, RECIPE)
