"""Splits read apart come together over one corpus."""

from __future__ import annotations

from vectune.data.join import add_documents, join_splits
from vectune.records import Retrieval, Scored, ScoredPair


def part(query: str, documents: dict[str, str], relevant: str, negatives: tuple[str, ...] = ()) -> Retrieval:
    return Retrieval({"q1": query}, documents, {"q1": {relevant: 1}}, {"q1": negatives} if negatives else {})


def test_equal_corpora_keep_their_ids() -> None:
    """The splits of one folder, read three times, share one corpus object and lose no id."""
    joined = join_splits({name: part(name, {"d1": "one", "d2": "two"}, "d1") for name in ("train", "dev", "test")})
    assert isinstance(joined.train, Retrieval)
    assert isinstance(joined.test, Retrieval)
    assert joined.train.corpus is joined.test.corpus
    assert joined.test.qrels == {"q1": {"d1": 1}}


def test_files_with_the_same_row_numbers_do_not_collide() -> None:
    """Two files both have q1 and d1: texts decide what is one document, negatives included."""
    joined = join_splits(
        {
            "train": part("a", {"d1": "one", "d2": "Two"}, "d1", ("d2",)),
            "dev": part("b", {"d1": "two"}, "d1"),
            "test": part("c", {"d1": "three", "d2": "one"}, "d1", ("d2",)),
        }
    )
    assert isinstance(joined.train, Retrieval)
    assert isinstance(joined.dev, Retrieval)
    assert isinstance(joined.test, Retrieval)
    assert dict(joined.train.corpus) == {"train:d1": "one", "train:d2": "Two", "test:d1": "three"}
    assert joined.train.negatives == {"train:q1": ("train:d2",)}
    assert joined.dev.qrels == {"dev:q1": {"train:d2": 1}}
    assert joined.test.qrels == {"test:q1": {"test:d1": 1}}
    assert joined.test.negatives == {"test:q1": ("train:d1",)}


def test_data_without_a_corpus_stays_as_it_is() -> None:
    """Scored pairs have nothing to join."""
    parts = {name: Scored((ScoredPair("a", "b", 0.5),)) for name in ("train", "dev", "test")}
    assert join_splits(parts).test is parts["test"]


def test_more_documents_are_added_once() -> None:
    """A distractor that the corpus has already, but for case and spaces, is left out."""
    splits = join_splits({name: part(name, {"d1": "one"}, "d1") for name in ("train", "dev", "test")})
    more = add_documents(splits, ["ONE ", "two", "two"])
    assert isinstance(more.test, Retrieval)
    assert dict(more.test.corpus) == {"d1": "one", "corpus:2": "two"}
    assert isinstance(more.train, Retrieval)
    assert more.train.corpus is more.test.corpus
