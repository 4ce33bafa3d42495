from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vectune.data.normal import text_key
from vectune.data.text_sample import TextSample


def keys(texts: list[str]) -> np.ndarray:
    return np.array([text_key(text) for text in texts], np.uint64)


@given(st.lists(st.integers(0, 60), max_size=80), st.integers(0, 1_000))
def test_the_sample_depends_neither_on_order_nor_on_blocks(numbers: list[int], seed: int) -> None:
    """The texts with the smallest keys are taken, however the stream arrives."""
    texts = [f"text {number}" for number in numbers]
    shuffled = texts.copy()
    random.Random(seed).shuffle(shuffled)
    one, other = TextSample(5), TextSample(5)
    one.add(texts, keys(texts))
    for begin in range(0, len(shuffled), 7):
        block = shuffled[begin : begin + 7]
        other.add(block, keys(block))
    assert one.texts() == other.texts() == sorted(set(texts), key=text_key)[:5]


def test_short_texts_are_left_out() -> None:
    """Texts under the shortest length never enter."""
    sample = TextSample(5, shortest=6)
    texts = ["short", "long enough"]
    sample.add(texts, keys(texts))
    assert sample.texts() == ["long enough"]
