from __future__ import annotations

import random

import numpy as np
import pytest

from tests.unit.data.word_pair_oracle import jaccard
from vectune.data.minhash import SIGNATURE, Signatures, clearly_apart, rows_per_band, signatures
from vectune.data.word_hashes import word_pairs


@pytest.mark.parametrize(("threshold", "rows"), [(0.1, 1), (0.5, 2), (0.8, 4), (0.95, 8), (1.0, 64)])
def test_bands_are_as_long_as_recall_allows(threshold: float, rows: int) -> None:
    """Longer bands look at fewer unlike pairs; 98 % of the pairs at the threshold must still be seen."""
    assert rows_per_band(threshold) == rows
    assert 1 - (1 - threshold**rows) ** (SIGNATURE // rows) >= 0.98


def test_equal_texts_agree_everywhere_and_unlike_ones_hardly_anywhere() -> None:
    """Signatures depend on the set alone."""
    found = signatures(word_pairs(["a b c d", "a b c d", "e f g h"]), 4)
    assert (found.bands[:, 0] == found.bands[:, 1]).all()
    assert (found.sketches[0] == found.sketches[1]).all()
    assert not (found.bands[:, 0] == found.bands[:, 2]).any()


def test_the_share_of_equal_bytes_estimates_the_jaccard() -> None:
    """Minima agree as often as sets do (Broder's theorem), within what 64 draws can show."""
    drawn = random.Random(3)
    misses = []
    for _ in range(60):
        words = [str(drawn.randrange(10_000)) for _ in range(60)]
        other = [word if drawn.random() < 0.9 else "x" + word for word in words]
        one, two = " ".join(words), " ".join(other)
        sketches = signatures(word_pairs([one, two]), 4).sketches
        misses.append(float((sketches[0] == sketches[1]).mean()) - jaccard(one, two))
    assert abs(float(np.mean(misses))) < 0.03
    assert float(np.std(misses)) < 0.1


def test_clearly_apart_spares_pairs_at_the_threshold() -> None:
    """The quick filter throws out unlike texts and keeps near ones."""
    words = [str(i) for i in range(100)]
    near = [*words[:50], "other", *words[51:]]
    sketches = signatures(word_pairs([" ".join(words), " ".join(near), " ".join(reversed(words))]), 4).sketches
    apart = clearly_apart(sketches, np.array([0, 0]), np.array([1, 2]), 0.8)
    assert apart.tolist() == [False, True]


def test_joined_blocks_are_the_same_as_one_block() -> None:
    """A stream can be hashed block by block."""
    texts = ["a b", "c d e", "f", ""]
    whole = signatures(word_pairs(texts), 4)
    joined = Signatures.joined([signatures(word_pairs(texts[:1]), 4), signatures(word_pairs(texts[1:]), 4)])
    assert np.array_equal(whole.bands, joined.bands)
    assert np.array_equal(whole.sketches, joined.sketches)
