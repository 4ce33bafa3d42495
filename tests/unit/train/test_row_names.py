"""A batch's rows by the names that the data gave them."""

from __future__ import annotations

import numpy as np
import pytest

from vectune.config import TrainConfig
from vectune.config.train import LossName
from vectune.records import Dataset, Labelled, LabelledText, Retrieval, Scored, ScoredPair
from vectune.train.recipe import Recipe
from vectune.train.row_names import listed, with_texts
from vectune.train.rows import training_rows

RETRIEVAL = Retrieval(
    {f"q{i}": f"query {i}" for i in range(4)},
    {f"d{i}": f"document {i}" for i in range(4)} | {"n": "negative"},
    {f"q{i}": {f"d{i}": 1} for i in range(4)},
    {"q3": ("n",)},
)


def all_names(data: Dataset, loss: LossName, batch_size: int = 8) -> list[list[str]]:
    rows = training_rows(data, TrainConfig(), Recipe(loss, 1, batch_size, 1e-4))
    batches = rows.batches(0)
    return [list(rows.names(batches[i])) for i in range(len(batches))]


def test_pairs_are_named_by_query_and_document() -> None:
    """Each batch names its own rows, a query once for each of its positives; negatives are not rows."""
    queries = {f"q{i}": f"query {i}" for i in range(6)}
    corpus = {f"d{i}": f"document {i}" for i in range(9)}
    qrels = {f"q{i}": {f"d{i}": 1} for i in range(6)} | {"q0": {"d0": 1, "d6": 2, "d7": 0}, "q1": {"d1": 1, "d8": 1}}
    data = Retrieval(queries, corpus, qrels, {"q2": ("d7",)})
    names = all_names(data, "info_nce", batch_size=4)
    assert [len(batch) for batch in names] == [4, 4]
    rows = [*(f"q{i} d{i}" for i in range(6)), "q0 d6", "q1 d8"]
    assert sorted(name for batch in names for name in batch) == sorted(rows)


def test_equal_texts_are_all_named() -> None:
    """A query text that stands under two ids gives both, since either may be the one to look at."""
    data = Retrieval(
        {"a": "same", "b": "same", "c": "other"},
        {"x": "one", "y": "two"},
        {"a": {"x": 1}, "b": {"x": 1}, "c": {"y": 1}},
    )
    assert sorted(set(all_names(data, "info_nce")[0])) == ["a x", "b x", "c y"]


def test_scored_pairs_are_named_by_row_number() -> None:
    """The numbers are those of the file; swapped sentences are another row."""
    data = Scored((ScoredPair("a", "b", 0.1, 7), ScoredPair("b", "a", 0.9, 9), ScoredPair("c", "d", 0.3, 11)))
    assert all_names(data, "cosent") == [["7", "9", "11"]]


def test_labelled_texts_are_named_by_row_number() -> None:
    """A text that stands twice gives both numbers."""
    texts = (LabelledText("a", "x", 3), LabelledText("b", "y", 4), LabelledText("a", "x", 8))
    assert all_names(Labelled(texts), "supervised_contrastive") == [["3", "4", "8"]]


@pytest.mark.parametrize(
    ("data", "loss", "text", "expected"),
    [
        (Scored(tuple(ScoredPair(f"a{i}", f"b{i}", i / 4, i) for i in range(4))), "cosent", "b2", ["2"]),
        (
            Labelled(tuple(LabelledText(f"t{i}", "xy"[i % 2], i) for i in range(4))),
            "supervised_contrastive", "t3", ["3"],
        ),
        (RETRIEVAL, "info_nce", "query 1", ["q1 d1"]),
        (RETRIEVAL, "info_nce", "document 2", ["q2 d2"]),
        (RETRIEVAL, "info_nce", "negative", ["q3 d3"]),
        (RETRIEVAL, "info_nce", "elsewhere", []),
    ],
)  # fmt: skip
def test_rows_of_a_text_are_those_that_bring_it(data: Dataset, loss: LossName, text: str, expected: list[str]) -> None:
    """A row is named for either of its texts and for a negative that came with it, and for no other."""
    rows = training_rows(data, TrainConfig(), Recipe(loss, 1, 8, 1e-4))
    numbers = np.array([number for number, (_, other) in enumerate(rows.pool) if other == text], dtype=np.int64)
    assert list(rows.names(with_texts(rows.batches(0)[0], numbers))) == expected


def test_many_names_are_cut() -> None:
    """A sentence names so many and counts the rest."""
    assert listed(["1", "2"]) == "1, 2"
    assert listed([str(i) for i in range(5)], most=3) == "0, 1, 2 and 2 more"
