"""An encoder behind a cache gives the same vectors and is asked once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

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


class Sociable(HashEncoder):
    """Vectors depend on the company that they are made in, as those of real models do in their last bits; it dies after
    `calls` calls."""

    def __init__(self, calls: int = 1_000) -> None:
        super().__init__()
        self._calls = calls

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        self._calls -= 1
        if self._calls < 0:
            raise KeyboardInterrupt
        company = HashEncoder().encode([" ".join(texts)])
        return super().encode(texts, role, progress) + company * np.float32(1e-3)


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


@pytest.mark.parametrize("count", [700, 1000, 1027, 1500])
@pytest.mark.parametrize("calls", [1, 2])
def test_killed_work_goes_on_with_the_same_vectors(count: int, calls: int, tmp_path: Path) -> None:
    """Killed between two parts, again and again, the rest is encoded in the company that it would have had: every
    vector is the same to the bit, also where some of the texts were there from before."""
    texts = [f"{'x' * (7 * number % 1000)}{number}" for number in range(count)]
    asked = [texts[::3], [*texts, *texts[::5]]]
    whole = CachedEncoder(Sociable(), VectorCache(tmp_path / "whole.sqlite"), "space")
    expected = [whole.encode(some) for some in asked]
    found: list[Vectors] = []
    kills = 0
    while len(found) < len(asked):
        try:
            killed = CachedEncoder(Sociable(calls), VectorCache(tmp_path / "killed.sqlite"), "space")
            found = [killed.encode(some) for some in asked]
        except KeyboardInterrupt:
            kills += 1
    assert kills
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_identity_is_another_space(tmp_path: Path) -> None:
    """Vectors of one model are never given for another."""
    cache = VectorCache(tmp_path / "v.sqlite")
    CachedEncoder(HashEncoder(), cache, "one").encode(["sun"])
    other = HashEncoder(seed=1)
    np.testing.assert_array_equal(CachedEncoder(other, cache, "two").encode(["sun"]), other.encode(["sun"]))
