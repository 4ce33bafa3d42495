from __future__ import annotations

from tests.unit.data.split_data import retrieval, scored
from vectune.data.normal import text_key
from vectune.data.reversals import reversed_pairs
from vectune.records import Retrieval


def test_a_pair_is_found_the_other_way_round_whatever_its_writing() -> None:
    """Query and document must both match, each in the other's role; an equal pair is not a reversed one."""
    here = retrieval([("how to reset", "reset how"), ("equal", "pair"), ("half", "way")])
    there = retrieval([("Reset  how", "How to reset"), ("equal", "pair"), ("way", "elsewhere")])
    assert reversed_pairs(here, there) == {(text_key("how to reset"), text_key("reset how"))}


def test_what_is_judged_not_relevant_is_no_pair() -> None:
    """Grade 0 on one side leaves nothing to have been trained on."""
    here = retrieval([("a", "b")])
    there = Retrieval({"q": "b"}, {"d": "a", "e": "c"}, {"q": {"d": 0, "e": 1}})
    assert reversed_pairs(here, there) == reversed_pairs(there, here) == frozenset()


def test_other_kinds_have_no_reversed_pairs() -> None:
    """Scored pairs are the same in either order, and are counted as such elsewhere."""
    assert reversed_pairs(scored([("a", "b")]), scored([("b", "a")])) == frozenset()
