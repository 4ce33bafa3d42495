"""Vectors on disk: found again, made once, shared by processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from vectune.encode.encoder import Vectors
from vectune.encode.vector_cache import VectorCache, vector_key
from vectune.errors import ModelError, StorageError

_WRITER = """
import sys
from pathlib import Path
import numpy as np
from vectune.encode.vector_cache import VectorCache, vector_key
cache = VectorCache(Path(sys.argv[1]))
for number in range(40):
    cache.put([vector_key(sys.argv[2], str(number)), vector_key("both", str(number))], np.full((2, 4), number, "f4"))
"""


def _cache(tmp_path: Path) -> VectorCache:
    return VectorCache(tmp_path / "deep" / "vectors.sqlite")


def test_vectors_come_back_exactly(tmp_path: Path) -> None:
    """What was put is found by another object on the same file, to the bit; what was not is left out."""
    vectors = np.random.default_rng(0).standard_normal((700, 5)).astype(np.float32)
    keys = [vector_key("a", str(number)) for number in range(700)]
    _cache(tmp_path).put(keys, vectors)
    found = _cache(tmp_path).get([*keys, vector_key("b")])
    assert len(found) == 700
    np.testing.assert_array_equal(np.stack([found[key] for key in keys]), vectors)


def test_the_first_vector_of_a_key_stays(tmp_path: Path) -> None:
    """A key is written once: a second vector does not replace what others may have read."""
    cache = _cache(tmp_path)
    cache.put([b"k"], np.ones((1, 2), dtype=np.float32))
    cache.put([b"k"], np.zeros((1, 2), dtype=np.float32))
    assert cache.get([b"k"])[b"k"].tolist() == [1.0, 1.0]


def test_keys_do_not_run_together() -> None:
    """The parts of a key are told apart, wherever the border between two lies."""
    keys = {
        vector_key("ab", "c"),
        vector_key("a", "bc"),
        vector_key("abc"),
        vector_key("abc", ""),
        vector_key("\ud800"),
    }
    assert len(keys) == 5


def test_only_missing_texts_are_fetched(tmp_path: Path) -> None:
    """Equal texts are fetched once, parts may come in any order, and the second time nothing is fetched."""
    cache, asked, told = _cache(tmp_path), [], []

    def fetch(texts: list[str]) -> Iterator[tuple[Sequence[int], Vectors]]:
        asked.extend(texts)
        for place in reversed(range(len(texts))):
            yield [place], np.full((1, 3), len(texts[place]), dtype=np.float32)

    texts = ["a", "ccc", "a", "bb"]
    keys = [vector_key(text) for text in texts]
    for _ in range(2):
        vectors = cache.through(texts, keys, fetch, told.append)
        assert vectors[:, 0].tolist() == [1, 3, 1, 2]
    assert asked == ["a", "ccc", "bb"]
    assert (sum(told[:4]), told[4:]) == (4, [4])


def test_vectors_of_another_size_are_another_models(tmp_path: Path) -> None:
    """Kept ones and new ones of several sizes make no array: the sentence names the file that is to go."""
    cache = _cache(tmp_path)
    cache.put([vector_key("a")], np.ones((1, 3), dtype=np.float32))

    def fetch(texts: list[str]) -> Iterator[tuple[Sequence[int], Vectors]]:
        yield range(len(texts)), np.ones((len(texts), 5), dtype=np.float32)

    with pytest.raises(ModelError, match=r"came with 5 values where those kept in .* have 3") as refused:
        cache.through(["a", "b"], [vector_key("a"), vector_key("b")], fetch, lambda count: None)
    assert cache.get([vector_key("b")]) == {}
    assert str(cache.file) in refused.value.hint


def test_kept_vectors_of_two_sizes_are_another_models(tmp_path: Path) -> None:
    """Where two models answered to one name before, no array is tried and nothing is fetched."""
    cache = _cache(tmp_path)
    cache.put([vector_key("a")], np.ones((1, 3), dtype=np.float32))
    cache.put([vector_key("b")], np.ones((1, 5), dtype=np.float32))

    def fetch(texts: list[str]) -> Iterator[tuple[Sequence[int], Vectors]]:
        raise AssertionError(texts)

    for texts in ("ab", "abc"):
        with pytest.raises(ModelError, match="another model") as refused:
            cache.through(list(texts), [vector_key(text) for text in texts], fetch, lambda count: None)
        assert str(cache.file) in refused.value.hint


def test_what_does_not_pass_is_not_waited_for(tmp_path: Path) -> None:
    """What no other process holds is told at once: here a folder stands where SQLite wants its log."""
    (tmp_path / "vectors.sqlite-wal" / "in the way").mkdir(parents=True)
    started = time.monotonic()
    with pytest.raises(StorageError, match="could not be read"):
        VectorCache(tmp_path / "vectors.sqlite").get([b"k"])
    assert time.monotonic() - started < 20


def test_what_came_before_a_failure_is_kept(tmp_path: Path) -> None:
    """When the third part fails, the two before it are on disk."""
    cache = _cache(tmp_path)

    def fetch(texts: list[str]) -> Iterator[tuple[Sequence[int], Vectors]]:
        yield [0], np.ones((1, 2), dtype=np.float32)
        yield [1], np.ones((1, 2), dtype=np.float32)
        raise OSError("gone")

    keys = [vector_key(text) for text in "abc"]
    with pytest.raises(OSError, match="gone"):
        cache.through(list("abc"), keys, fetch, lambda count: None)
    assert set(cache.get(keys)) == set(keys[:2])


def test_processes_share_one_file(tmp_path: Path) -> None:
    """Three processes that make and write the file at once lose nothing."""
    file = tmp_path / "new" / "vectors.sqlite"
    command = [sys.executable, "-c", _WRITER, str(file)]
    writers = [subprocess.Popen([*command, name], stderr=subprocess.PIPE) for name in ("one", "two", "three")]
    for writer in writers:
        assert writer.communicate(timeout=120)[1] == b""
    names = ("one", "two", "three", "both")
    keys = [vector_key(name, str(number)) for name in names for number in range(40)]
    assert len(VectorCache(file).get(keys)) == 160


def test_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    """A file that is no database is named, with the advice to delete it."""
    file = tmp_path / "vectors.sqlite"
    file.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(StorageError, match="is damaged") as raised:
        VectorCache(file).get([b"k"])
    assert "Delete it" in raised.value.hint


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Where a file stands in the way of the folder, the error is a sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        VectorCache(tmp_path / "file" / "vectors.sqlite").get([b"k"])
