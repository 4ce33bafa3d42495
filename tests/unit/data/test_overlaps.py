from __future__ import annotations

from dataclasses import replace

from tests.unit.data.split_data import labelled, retrieval, scored, sentence
from vectune.data.overlaps import count_overlaps, without_held_out_negatives, without_leaks
from vectune.data.units import only
from vectune.records import Kind, Retrieval, Scored, Splits

PAIRS = [
    ("train asks", "shared document"),
    ("train asks", "own document"),
    ("same question", "train answer"),
    (sentence(1), "near query"),
    ("another", sentence(2)),
    ("test asks", "Shared  document"),
    ("test asks more", "test answer"),
    (sentence(1) + " end", "near query of test"),
    ("yet another", sentence(2) + " end"),
]
DATA = retrieval(PAIRS)


def splits() -> Splits:
    """Train has four queries; test shares a document with it, and nearly a query and another document."""
    train, test = only(DATA, range(4)), only(DATA, range(4, 8))
    assert isinstance(test, Retrieval)
    queries = {**test.queries, "same": "Same question"}
    test = replace(test, queries=queries, qrels={**test.qrels, "same": dict(test.qrels["q7"])})
    return Splits(train, only(DATA, ()), test)


def test_planted_leaks_are_counted_each_in_its_kind() -> None:
    """One equal query, one equal document, two near-duplicates between train and test; none with an empty dev."""
    overlaps = count_overlaps(splits(), 0.8).shared
    assert overlaps["train/test"] == {"queries": 1, "documents": 1, "near_duplicates": 2}
    assert overlaps["train/dev"] == overlaps["dev/test"] == {"queries": 0, "documents": 0, "near_duplicates": 0}


def test_without_leaks_nothing_is_shared_and_nothing_else_is_lost() -> None:
    """The query that also has a document of its own stays with that; the others go."""
    both = splits()
    train, removed = without_leaks(both.train, both.test, 0.8)
    assert isinstance(train, Retrieval)
    assert [train.corpus[d] for grades in train.qrels.values() for d in grades] == ["own document"]
    assert removed == 4
    clean = count_overlaps(replace(both, train=train), 0.8).shared["train/test"]
    assert not any(clean.values())


def test_negatives_that_are_relevant_elsewhere_go() -> None:
    """Equal or nearly equal to a held-out relevant document; other negatives stay."""
    data = retrieval(
        [("a", "x"), ("b", "y"), ("c", sentence(3))], {"a": ("Y", "harmless"), "b": (sentence(3) + " end",)}
    )
    train, held_out = only(data, [0, 1]), only(data, [1, 2])
    assert isinstance(train, Retrieval)
    left, count = without_held_out_negatives(train, held_out, 0.8)
    assert count == 2
    assert {q: [left.corpus[d] for d in ids] for q, ids in left.negatives.items()} == {"q1": ["harmless"]}
    assert len(left) == 2


def test_triplets_that_lose_their_last_negative_go_too() -> None:
    """A triplet is three texts."""
    data = retrieval([("a", "x"), ("b", "y"), ("c", "z")], {"a": ("z",), "b": ("w",)})
    train = only(data, [0, 1])
    assert isinstance(train, Retrieval)
    left, count = without_held_out_negatives(replace(train, kind=Kind.TRIPLETS), only(data, [2]), 0.8)
    assert (list(left.queries.values()), count) == (["b"], 1)


def test_scored_pairs_share_pairs_and_sentences() -> None:
    """A whole pair in other order is a shared query; a sentence is a shared document."""
    train = scored([("a", "b"), ("c", "d"), (sentence(1), "e"), ("f", "g")])
    test = scored([("B", "a"), ("d", "new"), (sentence(1) + " end", "newer")])
    shared = count_overlaps(Splits(train, scored([]), test), 0.8).shared["train/test"]
    assert shared == {"queries": 1, "documents": 3, "near_duplicates": 1}
    left, removed = without_leaks(train, test, 0.8)
    assert isinstance(left, Scored)
    assert ([pair.first for pair in left.pairs], removed) == (["f"], 3)


def test_labelled_texts_share_texts() -> None:
    """Texts of labelled data count as queries."""
    train = labelled(["a", sentence(1), "b"])
    test = labelled(["A", sentence(1) + " end"])
    shared = count_overlaps(Splits(train, labelled([]), test), 0.8).shared["train/test"]
    assert shared == {"queries": 1, "documents": 0, "near_duplicates": 1}
    left, removed = without_leaks(train, test, 0.8)
    assert (len(left), removed) == (1, 2)


def test_pairs_the_other_way_round_are_shared_and_go() -> None:
    """The query that test asks for as a document loses that judgement; a title that test asks for is no leak."""
    pairs = [("one", "two"), ("one", "three"), ("four", "five"), ("about a title", "a title"), ("six", "seven")]
    train = retrieval(pairs)
    test = retrieval([("Two", "One"), ("five", "four"), ("a title", "its own text")])
    overlaps = count_overlaps(Splits(train, retrieval([]), test), 0.8).shared["train/test"]
    assert overlaps == {"queries": 2, "documents": 0, "near_duplicates": 0}
    left, removed = without_leaks(train, test, 0.8)
    assert isinstance(left, Retrieval)
    assert [left.corpus[d] for grades in left.qrels.values() for d in grades] == ["three", "a title", "seven"]
    assert (list(left.queries.values()), removed) == (["one", "about a title", "six"], 2)
    assert not any(count_overlaps(Splits(left, retrieval([]), test), 0.8).shared["train/test"].values())


def test_a_query_that_is_shared_and_turned_counts_once() -> None:
    """The count is one of queries, not of reasons."""
    train, test = retrieval([("one", "two"), ("two", "else")]), retrieval([("two", "one")])
    assert count_overlaps(Splits(train, retrieval([]), test), 0.8).shared["train/test"]["queries"] == 1
