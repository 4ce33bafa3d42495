"""Vectors of exact texts."""

from __future__ import annotations

import numpy as np

from vectune.encode.encoder import Vectors
from vectune.records import Role
from vectune.serve.text_cache import TextCache

MIB = 1 << 20


def _put(cache: TextCache, serial: int, texts: list[str], role: Role = Role.DOCUMENT) -> Vectors:
    vectors = np.arange(len(texts) * 100, dtype=np.float32).reshape(len(texts), 100) + serial
    cache.put(serial, role, texts, np.arange(len(texts)) + 1, vectors)
    return vectors


def test_what_was_put_is_found_again() -> None:
    """Vector and tokens of each known text at its place, None for the others; hits and misses are counted."""
    cache = TextCache(MIB)
    vectors = _put(cache, 0, ["a", "b"])
    found = cache.get(0, Role.DOCUMENT, ["b", "x", "a", "b"])
    assert found[1] is None
    for known, row in ((found[0], 1), (found[2], 0), (found[3], 1)):
        assert known is not None
        np.testing.assert_array_equal(known.vector, vectors[row])
        assert known.tokens == row + 1
    assert (cache.hits, cache.misses) == (3, 1)


def test_kept_vectors_are_not_the_callers() -> None:
    """What the caller does to its array later changes nothing that is kept."""
    cache = TextCache(MIB)
    vectors = _put(cache, 0, ["a"])
    vectors[:] = -1
    known = cache.get(0, Role.DOCUMENT, ["a"])[0]
    assert known is not None
    assert known.vector.min() >= 0


def test_models_sides_and_texts_are_told_apart() -> None:
    """Another model, another side, another letter: not the same text."""
    cache = TextCache(MIB)
    _put(cache, 0, ["a"])
    assert cache.get(1, Role.DOCUMENT, ["a"]) == [None]
    assert cache.get(0, Role.QUERY, ["a"]) == [None]
    assert cache.get(0, Role.DOCUMENT, ["a "]) == [None]


def test_longest_unused_goes_first() -> None:
    """Over the limit the texts that were used longest ago are let go, and the limit holds."""
    cache = TextCache(3000)
    for text in ("a", "b", "c"):
        _put(cache, 0, [text])
    assert cache.get(0, Role.DOCUMENT, ["a"]) != [None]
    _put(cache, 0, ["d"])
    kept = [text for text in "abcd" if cache.get(0, Role.DOCUMENT, [text]) != [None]]
    assert kept == ["a", "c", "d"]
    assert 0 < cache.bytes <= 3000


def test_what_is_put_twice_counts_once() -> None:
    """Two callers may bring the same text at the same time."""
    cache = TextCache(MIB)
    _put(cache, 0, ["a"])
    before = cache.bytes
    _put(cache, 0, ["a"])
    assert cache.bytes == before


def test_model_that_is_let_go_takes_its_texts_along() -> None:
    """Others stay, and the memory is free."""
    cache = TextCache(MIB)
    _put(cache, 0, ["a", "b"])
    _put(cache, 1, ["a"])
    cache.forget(0)
    assert cache.get(0, Role.DOCUMENT, ["a", "b"]) == [None, None]
    assert cache.get(1, Role.DOCUMENT, ["a"]) != [None]
    cache.forget(1)
    assert cache.bytes == 0


def test_without_room_it_is_off() -> None:
    """With no bytes nothing is kept."""
    cache = TextCache(0)
    assert not cache.on
    _put(cache, 0, ["a"])
    assert cache.bytes == 0
