from __future__ import annotations

import numpy as np

from vectune.data.profile import Lengths, Limits, Profile, lengths_of, truncated_shares


def count_words(texts: object) -> np.ndarray:
    return np.array([len(text.split()) for text in texts])  # type: ignore[attr-defined]


def test_lengths_are_quantiles_of_the_word_counts() -> None:
    """By hand: 1..100 has middle 50.5 and 95th percentile 95.05."""
    lengths = lengths_of(np.arange(1, 101))
    assert (lengths.min, lengths.median, round(lengths.p95, 2), lengths.max) == (1, 50.5, 95.05, 100)
    assert lengths_of(np.zeros(0, np.int64)) == Lengths(0, 0.0, 0.0, 0)


def test_a_text_at_the_limit_is_not_cut() -> None:
    """Only what is longer than the model sees counts, side by side."""
    limits = Limits(count_words, 3)
    shares = truncated_shares({"query": ["a b c", "a"], "document": ["a b c d", "a b c"], "empty": []}, limits)
    assert shares == {"query": 0.0, "document": 0.5}


def test_without_a_model_nothing_is_said_about_cutting() -> None:
    """None is not zero."""
    assert truncated_shares({"query": ["a"]}, Limits()) is None
    assert Profile({}, {}).as_json() == {"lengths": {}, "languages": {}, "truncated": None}
