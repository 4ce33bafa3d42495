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


@given(EDGES, st.integers(0, 5))
def test_a_batch_repeats_neither_query_nor_positive(edges: list[tuple[int, int]], epoch: int) -> None:
    """Whatever the judgements, no text stands twice among a batch's anchors or among its positives."""
    for batch in ContrastRows(retrieval(edges), CONFIG, RECIPE).batches(epoch):
        size = batch.num_rows
        assert len(set(contrast(batch).anchors.tolist())) == size
        assert len(set(contrast(batch).candidates[:size].tolist())) == size


@given(EDGES)
def test_every_row_is_seen_once_an_epoch_or_stands_alone(edges: list[tuple[int, int]]) -> None:
    """Rows that had to wait come later; only one left alone without a negative teaches nothing and is skipped."""
    rows = ContrastRows(retrieval(edges), CONFIG, RECIPE)
    seen = [
        (int(batch.texts[anchor]), int(batch.texts[positive]))
        for batch in rows.batches(0)
        for anchor, positive in zip(contrast(batch).anchors, contrast(batch).candidates, strict=False)
    ]
    assert len(seen) == len(set(seen)) <= len(edges) == len(rows)


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
