from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.data.word_pair_oracle import pairs_of
from vectune.data.word_hashes import WordPairs, in_parts, word_pairs

PLAIN = st.lists(
    st.lists(st.sampled_from(["ab", "cd", "ef", "gh", "ij", "a", "b", "abcd"]), max_size=8).map(" ".join), max_size=6
)


def sets(pairs: WordPairs) -> list[list[int]]:
    return [part.tolist() for part in np.split(pairs.hashes, pairs.starts[1:-1])]


@given(PLAIN)
def test_sets_are_as_large_and_as_shared_as_those_built_word_by_word(texts: list[str]) -> None:
    """Hashed sets have the sizes and the overlaps of real sets of word pairs."""
    found = sets(word_pairs(texts)) if texts else []
    expected = [pairs_of(text) for text in texts]
    assert [len(part) for part in found] == [len(part) for part in expected]
    for i, left in enumerate(expected):
        for j, right in enumerate(expected):
            assert len(set(found[i]) & set(found[j])) == len(left & right)


@given(PLAIN)
def test_a_text_has_the_same_set_alone_and_in_a_block(texts: list[str]) -> None:
    """The block a text is hashed in does not show."""
    assert [sets(word_pairs([text]))[0] for text in texts] == (sets(word_pairs(texts)) if texts else [])


def test_sets_are_ascending_without_repeats_and_in_range() -> None:
    """Sparse matrices are built on sets being sorted and distinct."""
    pairs = word_pairs(["a b a b a b", "x y z"])
    for part in sets(pairs):
        assert part == sorted(set(part))
    assert pairs.hashes.min() >= 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("what is c++?", 5),
        ("日本語 ok", 4),
        ("...", 0),
        ("", 0),
        ("don't stop", 3),
        ("ls -la /tmp", 5),
        ("naïve café", 2),
        ("हिन्दी भाषा", 2),
        ("한국어 text", 4),
        ("one\ttwo\nthree\u00a0four", 4),
    ],
)
def test_words_are_counted_as_people_would(text: str, words: int) -> None:
    """Symbols and characters of scripts without spaces are words; sentence marks only part words."""
    assert word_pairs([text]).words.tolist() == [words]


def test_symbols_tell_texts_apart_but_sentence_marks_do_not() -> None:
    """`c++` is not `c#`, yet a question mark changes nothing."""
    plus, sharp, asked = sets(word_pairs(["what is c++", "what is c#", "what is c++ ?"]))
    assert plus != sharp
    assert plus == asked


def test_no_texts_give_empty_arrays() -> None:
    """An empty block is no special case for callers."""
    pairs = word_pairs([])
    assert (len(pairs.hashes), pairs.starts.tolist(), len(pairs.words)) == (0, [0], 0)


@given(st.lists(st.integers(0, 9).map("x".__mul__), max_size=12), st.integers(1, 20))
def test_parts_are_the_texts_in_order_and_bounded(texts: list[str], characters: int) -> None:
    """Nothing is lost, and a part holds less than the bound but for the text it begins with."""
    parts = list(in_parts(texts, characters))
    assert [text for part in parts for text in part] == texts
    assert all(sum(map(len, part[1:])) < characters for part in parts)


def test_lone_surrogates_and_high_planes_are_hashed() -> None:
    """Odd code points do not stop a check."""
    assert word_pairs(["\ud800 a", "\U0010ffff b"]).words.tolist() == [2, 2]
