from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vectune.data.disjoint_sets import DisjointSets

JOINS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=20)


@given(JOINS)
def test_roots_are_the_smallest_members_of_the_sets(joins: list[tuple[int, int]]) -> None:
    """Joined numbers share a root, which is the smallest of them; a second witness floods labels."""
    sets = DisjointSets(12)
    label = list(range(12))
    for left, right in joins:
        fresh = sets.join(left, right)
        assert fresh == (label[left] != label[right])
        low, high = sorted((label[left], label[right]))
        label = [low if x == high else x for x in label]
    assert sets.roots().tolist() == label
    assert [sets.find(i) for i in range(12)] == label
