"""A batch's rows by the names that the data gave them."""

from __future__ import annotations

from vectune.config import TrainConfig
from vectune.config.train import LossName
from vectune.records import Dataset, Labelled, LabelledText, Retrieval, Scored, ScoredPair
from vectune.train.recipe import Recipe
from vectune.train.row_names import listed
from vectune.train.rows import training_rows


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


def test_many_names_are_cut() -> None:
    """A sentence names so many and counts the rest."""
    assert listed(["1", "2"]) == "1, 2"
    assert listed([str(i) for i in range(5)], most=3) == "0, 1, 2 and 2 more"
