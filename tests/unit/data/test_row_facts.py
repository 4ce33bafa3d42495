from __future__ import annotations

import numpy as np

from vectune.data.normal import text_key
from vectune.data.row_facts import RowFacts
from vectune.records import Kind, LabelledText, Pair, ScoredPair


def test_pairs_give_two_sides_with_owners() -> None:
    """Each document knows its row and whether it is a negative, over several blocks."""
    facts = RowFacts(Kind.PAIRS, 0.8)
    facts.add([Pair("q1", ("a", "b"), ("c",), 4)])
    facts.add([Pair("q2", ("d",), (), 9)])
    documents = facts.sides["document"]
    assert documents.owners().tolist() == [0, 0, 0, 1]
    assert facts.negative().tolist() == [False, False, True, False]
    assert documents.keys().tolist() == [text_key(text) for text in "abcd"]
    assert facts.numbers().tolist() == [4, 9]
    assert len(facts) == 2
    facts.close()


def test_scored_pairs_and_labels_share_one_side() -> None:
    """Both texts of a scored pair stand in one space; labels are numbered as they appear."""
    scored = RowFacts(Kind.SCORED, 0.8)
    scored.add([ScoredPair("a", "b", 0.5, 1), ScoredPair("c", "d", 1.0, 2)])
    assert scored.sides["text"].owners().tolist() == [0, 0, 1, 1]
    assert scored.scores().tolist() == [0.5, 1.0]
    labelled = RowFacts(Kind.LABELLED, 0.8)
    labelled.add([LabelledText("a", "x", 1), LabelledText("b", "y", 2)])
    labelled.add([LabelledText("c", "x", 3)])
    assert labelled.labels().tolist() == [0, 1, 0]


def test_no_rows_give_empty_arrays() -> None:
    """An empty stream can be judged too."""
    facts = RowFacts(Kind.PAIRS, 0.8)
    for array in (facts.numbers(), facts.negative(), facts.scores(), facts.labels(), facts.sides["query"].words()):
        assert np.asarray(array).shape == (0,)
