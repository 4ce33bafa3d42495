"""An encoder behind a cache gives the same vectors and is asked once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.fakes.hash_encoder import HashEncoder
from vectune.encode.cached import CachedEncoder
from vectune.encode.encoder import Vectors
from vectune.encode.vector_cache import VectorCache
from vectune.monitor.progress import Progress, Silent
from vectune.records import Role


class Counting(HashEncoder):
    """Remembers what it was asked; queries have a prompt."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Role, str]] = []

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        self.asked += [(role, text) for text in texts]
        return super().encode([f"ask {text}" if role is Role.QUERY else text for text in texts], role, progress)


class Steps(Silent):
    """Counts units done."""

    def __init__(self) -> None:
        self.done = 0

    def advance(self, amount: int = 1, **values: float) -> None:
        self.done += amount


def test_each_text_is_encoded_once_a_role(tmp_path: Path) -> None:
    """The second time nothing is encoded; roles are kept apart; every text counts as progress each time."""
    plain, steps = Counting(), Steps()
    cached = CachedEncoder(plain, VectorCache(tmp_path / "v.sqlite"), "space")
    texts = ["cat dog", "sun", "cat dog"]
    for _ in range(2):
        for role in Role:
            np.testing.assert_array_equal(cached.encode(texts, role, steps), Counting().encode(texts, role))
    assert sorted(plain.asked) == sorted((role, text) for role in Role for text in set(texts))
    assert steps.done == 12
    assert (cached.name, cached.dim, cached.count_tokens(["a b"]).tolist()) == ("hash-encoder", 32, [4])
    assert cached.encode([]).shape == (0, 32)


def test_parts_are_told_and_of_one_length(tmp_path: Path) -> None:
    """A thousand texts come in four parts, the longest first and the others in no order of length, each text at its
    place; a part holds texts of neighbouring lengths."""
    plain, told = Counting(), []

    class Told(Silent):
        def advance(self, amount: int = 1, **values: float) -> None:
            told.append(amount)

    texts = [f"{'x' * (7 * number % 1000)}{number}" for number in range(1000)]
    found = CachedEncoder(plain, VectorCache(tmp_path / "v.sqlite"), "space").encode(texts, Role.DOCUMENT, Told())
    np.testing.assert_array_equal(found, HashEncoder().encode(texts))
    assert [amount for amount in told if amount] == [250] * 4
    lengths = [[len(text) for _, text in plain.asked[start : start + 250]] for start in range(0, 1000, 250)]
    assert all(max(part) - min(part) < 260 for part in lengths)
    assert max(map(len, texts)) in lengths[0]


def test_another_identity_is_another_space(tmp_path: Path) -> None:
    """Vectors of one model are never given for another."""
    cache = VectorCache(tmp_path / "v.sqlite")
    CachedEncoder(HashEncoder(), cache, "one").encode(["sun"])
    other = HashEncoder(seed=1)
    np.testing.assert_array_equal(CachedEncoder(other, cache, "two").encode(["sun"]), other.encode(["sun"]))
