from __future__ import annotations

import numpy as np

from vectune.evaluate.clusters import Clusters, clusters_of

MIXED = Clusters(np.array([0, 1, 0, 2, 1, 0]))


def test_units_that_share_a_text_are_one_cluster_also_by_way_of_others() -> None:
    """The first and fourth unit have nothing in common but what the third shares with each; the second is alone."""
    found = clusters_of([("a", "x"), ("b",), ("c", "x", "y"), ("d", "y"), ("e",)])
    assert found.tolist() == [0, 1, 0, 0, 2]


def test_texts_are_equal_whatever_their_case_and_white_space() -> None:
    """What the split takes for one text ties units here too."""
    assert clusters_of([("The  pump",), ("the pump ",), ("The pumps",)]).tolist() == [0, 0, 1]


def test_units_that_share_nothing_are_numbered_as_they_stand() -> None:
    """A unit may hold a text twice; without any unit there is no cluster."""
    assert clusters_of([("a", "a"), ("b", "c"), ("d",)]).tolist() == [0, 1, 2]
    assert len(Clusters(clusters_of([]))) == 0


def test_sizes_and_sums_by_hand() -> None:
    """Three clusters of 3, 2 and 1 units."""
    assert len(MIXED) == 3
    assert MIXED.sizes.tolist() == [3.0, 2.0, 1.0]
    assert MIXED.sums(np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])).tolist() == [37.0, 18.0, 8.0]


def test_the_chosen_units_are_numbered_without_a_gap() -> None:
    """A cluster of which nothing is chosen is no more."""
    assert MIXED.only(np.array([False, True, False, True, True, False])).of_unit.tolist() == [0, 1, 0]


def test_single_units_sum_to_themselves() -> None:
    """To the bit: nothing changes for data in which nothing is shared."""
    values = np.random.default_rng(0).normal(size=50)
    np.testing.assert_array_equal(Clusters.single(50).sums(values), values)
    assert len(Clusters.single(0)) == 0
