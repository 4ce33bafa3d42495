"""Rows in groups: all of them, in few groups, each text as seldom in one as can be."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vectune.train.edge_groups import edge_groups

EDGES = st.lists(st.tuples(st.integers(0, 9), st.integers(10, 19)), max_size=60)


@given(EDGES, st.integers(1, 9))
def test_each_edge_stands_in_one_of_few_groups(edges: list[tuple[int, int]], size: int) -> None:
    """Whatever the edges, also equal ones: none is lost or doubled, and there are no more groups than needed."""
    groups = edge_groups(edges, size)
    assert Counter(edge for group in groups for edge in group) == Counter(edges)
    assert len(groups) == -(-len(edges) // size)
    assert all(len(group) <= size for group in groups)


def test_without_repeats_order_is_kept() -> None:
    """Edges that share nothing are cut where they stand."""
    edges = [(i, 100 + i) for i in range(7)]
    assert edge_groups(edges, 3) == [edges[:3], edges[3:6], edges[6:]]


def test_an_edge_that_would_repeat_a_text_goes_to_the_next_group() -> None:
    """The second edge of a query waits, those behind it do not."""
    edges = [(0, 10), (0, 11), (1, 12), (2, 13)]
    assert edge_groups(edges, 2) == [[(0, 10), (1, 12)], [(0, 11), (2, 13)]]


def test_an_edge_that_comes_late_takes_a_place_further_ahead() -> None:
    """Where its order leaves it none, a group with room that has neither of its texts; only then any."""
    edges = [(0, 10), (0, 11), (0, 14), (1, 12), (1, 14), (2, 15), (3, 16)]
    groups = edge_groups(edges, 3)
    assert all(len({text for edge in group for text in edge}) == 2 * len(group) for group in groups)


def test_a_text_with_more_edges_than_groups_is_spread_evenly() -> None:
    """Six edges of twelve have one document: two in each of three groups."""
    edges = [(i, 99) for i in range(6)] + [(i, 100 + i) for i in range(6, 12)]
    groups = edge_groups(edges, 4)
    assert [len(group) for group in groups] == [4, 4, 4]
    assert [sum(document == 99 for _, document in group) for group in groups] == [2, 2, 2]


def test_a_popular_document_leaves_groups_full() -> None:
    """A tenth of 2,000 shuffled edges has one document, more than there are groups: none is short of edges, and
    none has much more of the document than its share."""
    edges = [(i, 5_000 if i % 10 == 0 else 10_000 + i) for i in np.random.default_rng(0).permutation(2_000).tolist()]
    groups = edge_groups(edges, 20)
    assert {len(group) for group in groups} == {20}
    assert max(sum(document == 5_000 for _, document in group) for group in groups[:-5]) <= 2
