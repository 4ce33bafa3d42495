from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.data.word_pair_oracle import jaccard
from vectune.data.pair_store import PairStore
from vectune.data.word_hashes import word_pairs

TEXTS = ["a b c d e", "a b c d f", "x y", "a b c d e", "e d c b a", "a", "b a b a"]


@pytest.mark.parametrize("on_disk", [False, True])
def test_jaccard_equals_that_of_real_sets(tmp_path: Path, on_disk: bool) -> None:
    """Exact similarity, wherever the sets are kept and in however many blocks they came."""
    with PairStore(tmp_path if on_disk else None) as store:
        store.add(word_pairs(TEXTS[:3]))
        store.add(word_pairs(TEXTS[3:]))
        left, right = (side.ravel() for side in np.indices((len(TEXTS), len(TEXTS))))
        found = store.jaccard(left, right)
    expected = [jaccard(TEXTS[i], TEXTS[j]) for i, j in zip(left.tolist(), right.tolist(), strict=True)]
    assert found.tolist() == pytest.approx(expected)


def test_many_pairs_are_compared_in_chunks() -> None:
    """More elements than fit in one chunk give the same numbers."""
    long, short = " ".join(map(str, range(3000))), " ".join(map(str, range(1500)))
    with PairStore() as store:
        store.add(word_pairs([long, short]))
        found = store.jaccard(np.zeros(200, np.int64), np.ones(200, np.int64))
    assert found.tolist() == pytest.approx([jaccard(long, short)] * 200)


def test_no_pairs_give_no_numbers() -> None:
    """Nothing to compare is fine."""
    with PairStore() as store:
        store.add(word_pairs(["a"]))
        assert len(store.jaccard(np.zeros(0, np.int64), np.zeros(0, np.int64))) == 0


def test_texts_can_be_added_after_comparing() -> None:
    """The store is not sealed by its first use."""
    with PairStore() as store:
        store.add(word_pairs(["a b"]))
        assert store.jaccard(np.array([0]), np.array([0])).tolist() == [1.0]
        store.add(word_pairs(["a b", "c"]))
        assert store.jaccard(np.array([0, 0]), np.array([1, 2])).tolist() == [1.0, 0.0]
        assert store.sizes().tolist() == [3, 3, 2]
