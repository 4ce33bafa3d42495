from __future__ import annotations

from tests.unit.data.split_data import labelled, retrieval, scored
from vectune.data.units import only, relevant_ids, units_of
from vectune.records import Labelled, Retrieval, Scored


def test_queries_are_units_that_hold_their_text_and_relevant_documents() -> None:
    """Equal texts are one; documents judged not relevant tie nothing."""
    data = Retrieval(
        {"a": "One", "b": "two", "c": " one "},
        {"x": "Doc", "y": "doc", "z": "no"},
        {"a": {"x": 1}, "b": {"y": 2, "z": 0}, "c": {}},
    )
    units = units_of(data)
    queries, documents, pairs = units.spaces
    assert units.names == ("one", "two", "one")
    assert (queries.units.tolist(), queries.hubs.tolist(), queries.texts) == ([0, 1, 2], [0, 1, 0], ("one", "two"))
    assert (documents.units.tolist(), documents.hubs.tolist(), documents.texts) == ([0, 1], [0, 0], ("doc",))
    assert (pairs.units.tolist(), pairs.texts) == ([], ())
    assert relevant_ids(data, "b") == ["y"]


def test_a_pair_in_both_orders_is_one_text_of_two_units() -> None:
    """Whose query is whose document, whatever its writing; a query that is a document of strangers ties nothing."""
    data = retrieval([("one", "two"), ("Two", "ONE"), ("three", "two"), ("four", "three"), ("five", "five")])
    *_, pairs = units_of(data).spaces
    assert (pairs.units.tolist(), pairs.hubs.tolist(), len(pairs.texts)) == ([0, 1], [0, 0], 1)


def test_both_sentences_of_a_scored_pair_stand_in_one_space() -> None:
    """A sentence ties its pairs whichever side it stands on."""
    (space,) = units_of(scored([("a", "b"), ("c", "A")])).spaces
    assert (space.units.tolist(), space.hubs.tolist()) == ([0, 0, 1, 1], [0, 1, 0, 2])


def test_a_part_keeps_order_and_the_whole_corpus() -> None:
    """Only the chosen units are left; retrieval goes on searching among all documents."""
    data = retrieval([("a", "x"), ("b", "y"), ("c", "z")], {"c": ("x",)})
    part = only(data, [2, 0])
    assert isinstance(part, Retrieval)
    assert list(part.queries.values()) == ["a", "c"]
    assert part.qrels.keys() == part.queries.keys()
    assert list(part.negatives) == ["q3"]
    assert part.corpus is data.corpus
    texts = only(labelled(["a", "b", "c"]), [1])
    pairs = only(scored([("a", "b"), ("c", "d")]), [])
    assert isinstance(texts, Labelled)
    assert isinstance(pairs, Scored)
    assert ([row.text for row in texts.texts], pairs.pairs) == (["b"], ())
