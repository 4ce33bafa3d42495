from __future__ import annotations

import numpy as np

from vectune.data.sides import Side, language_sample


def test_distinct_texts_are_first_occurrences_among_the_kept() -> None:
    """Equal texts count once, by the first row that stays."""
    side = Side("query", 0.8, language_sample())
    side.add(["A b", "c", "a  B"], [0, 1, 2])
    side.add(["c"], [3])
    assert side.distinct(np.ones(4, bool)).tolist() == [0, 1]
    assert side.distinct(np.array([False, True, True, True])).tolist() == [1, 2]
    assert len(side.near_duplicates(np.ones(4, bool))) == 0
    assert side.words().tolist() == [2, 1, 2, 1]
    side.close()


def test_only_longer_texts_are_asked_for_their_language() -> None:
    """Two words tell no language."""
    languages = language_sample()
    side = Side("query", 0.8, languages)
    side.add(["short one", "this one is long enough to tell"], [0, 1])
    assert languages.texts() == ["this one is long enough to tell"]
    assert len(side.sample.texts()) == 2
