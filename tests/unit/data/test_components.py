from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.data.split_data import labelled, retrieval, scored, sentence
from vectune.data.components import Cut, Linked, Ties, component_roots, cut_giants
from vectune.data.units import units_of
from vectune.records import Dataset


def ties_of(data: Dataset) -> tuple[int, Ties]:
    units = units_of(data)
    with Linked(units, 0.8) as linked:
        return len(units), linked.ties()


def roots_of(data: Dataset) -> list[int]:
    return component_roots(*ties_of(data)).tolist()


def made(*ties: tuple[int, int, float]) -> Ties:
    left, right, weakness = zip(*ties, strict=True)
    return Ties(np.array(left), np.array(right), np.array(weakness, float))


def test_shared_queries_documents_and_near_duplicates_tie() -> None:
    """Each of the four reasons joins two rows; a row that shares nothing stays alone."""
    near_query, near_document = sentence(1) + " end", sentence(2) + " end"
    data = retrieval(
        [
            ("same document", "shared"),
            ("another query", "Shared "),
            (sentence(1), "d1"),
            (near_query, "d2"),
            ("q3", sentence(2)),
            ("q4", near_document),
            ("alone", "lonely"),
        ]
    )
    assert roots_of(data) == [0, 0, 2, 2, 4, 4, 6]


def test_a_pair_in_the_other_order_ties_as_strongly_as_a_query() -> None:
    """Duplicate questions asked both ways stay together; a title that is asked for elsewhere ties nothing."""
    data = retrieval([("one", "two"), ("a title", "its text"), ("what is in it", "a title"), ("two", "one")])
    assert roots_of(data) == [0, 1, 2, 0]
    _, ties = ties_of(data)
    assert ties.weakness.tolist() == [0.0]


def test_ties_chain_rows_that_share_nothing_directly() -> None:
    """a-b share a document and b-c another, so a, b and c stay together."""
    assert roots_of(scored([("a", "b"), ("b", "c"), ("x", "y"), ("c", "d")])) == [0, 0, 2, 0]
    assert roots_of(labelled([sentence(1), sentence(2), sentence(1) + " more"])) == [0, 1, 0]


def test_hard_negatives_do_not_tie() -> None:
    """A document that is wrong for one query and right for another leaves them apart."""
    data = retrieval([("a", "x"), ("b", "y")], {"a": ("y",)})
    assert roots_of(data) == [0, 1]


def test_strengths_go_from_same_query_to_near_duplicates() -> None:
    """The weakness of a tie follows from its reason, and from how many share a document."""
    _, ties = ties_of(
        retrieval([("a", "rare"), ("b", "rare"), *[(f"q{i}", "common") for i in range(4)], (sentence(1), "z")])
    )
    rare, common = ties.weakness[0], ties.weakness[1]
    assert 1 < rare < common < 2
    _, near = ties_of(labelled([sentence(1), sentence(1) + " end"]))
    assert 2 <= near.weakness[0] < 3


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=15))
def test_roots_are_first_members(edges: list[tuple[int, int]]) -> None:
    """Flooding labels by hand gives the same components, each named by its first unit."""
    label = list(range(10))
    for left, right in edges:
        low, high = sorted((label[left], label[right]))
        label = [low if x == high else x for x in label]
    ties = Ties(np.array([e[0] for e in edges], int), np.array([e[1] for e in edges], int), np.zeros(len(edges)))
    assert component_roots(10, ties).tolist() == label


def test_a_giant_is_cut_at_its_weakest_ties() -> None:
    """Two strong triangles joined by a weak tie part there, and only there."""
    ties = made((0, 1, 1.1), (1, 2, 1.1), (3, 4, 1.1), (4, 5, 1.1), (2, 3, 2.1))
    roots = component_roots(8, ties)
    pieces, cut = cut_giants(roots, ties, 0.3, 3)
    assert pieces.tolist() == [0, 0, 0, 3, 3, 3, 6, 7]
    assert cut == Cut(6, 6 / 8, 1)


def test_small_components_are_never_cut() -> None:
    """Under the giant's share all stay whole, and so do pairs, however few rows there are."""
    ties = made((0, 1, 1.1), (2, 3, 2.5))
    roots = component_roots(6, ties)
    pieces, cut = cut_giants(roots, ties, 0.3, 1)
    assert (pieces.tolist(), cut) == ([0, 0, 2, 2, 4, 5], Cut(0, 0.0, 0))


@given(st.integers(3, 40), st.integers(1, 10))
def test_pieces_never_outgrow_the_bound(count: int, largest: int) -> None:
    """One document that all queries share is cut to runs of at most the bound, with no tie to spare."""
    ties = made(*((i, i + 1, 1.5) for i in range(count - 1)))
    pieces, cut = cut_giants(component_roots(count, ties), ties, 0.3, largest)
    sizes = np.bincount(pieces)
    assert sizes.max() <= largest
    assert cut.links == len(np.unique(pieces)) - 1


def test_ties_across_sides_are_found_where_the_forest_passed_them_over() -> None:
    """Three near texts on three sides: each later one is tied to an earlier side."""
    texts = [sentence(1), sentence(1) + " end", sentence(1) + " stop"]
    units = units_of(labelled([*texts, sentence(2)]))
    with Linked(units, 0.8) as linked:
        ties = linked.across(np.array([0, 1, 2, 2]))
        assert set(ties.left.tolist()) == {1, 2}
        assert len(linked.across(np.array([1, 1, 1, 0])).left) == 0
