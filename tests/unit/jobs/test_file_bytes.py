"""Bytes there wholly or not at all, on any file system."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.fakes.bucket import BrokenBucket, Bucket, StubbornBucket
from vectune.errors import ConfigError, NotFound, StorageError
from vectune.jobs.file_bytes import FileBytes
from vectune.jobs.refusals import TooLarge


@pytest.fixture(params=["folder", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder, and a file system behind a URL."""
    return str(tmp_path / "files") if request.param == "folder" else f"memory://{uuid4()}"


def test_bytes_come_back(root: str) -> None:
    """What was written in pieces is read whole, also by a path on this machine."""
    kept = FileBytes(root)
    assert kept.write("p/a.jsonl", iter([b"one", b"two"]), 100) == 6
    assert b"".join(kept.read("p/a.jsonl")) == b"onetwo"
    with kept.local("p/a.jsonl") as path:
        assert path.read_bytes() == b"onetwo"
        assert path.suffix == ".jsonl"


def test_too_much_leaves_nothing(root: str) -> None:
    """Beyond the limit the write stops, and nothing is left of it."""
    kept = FileBytes(root)
    with pytest.raises(TooLarge):
        kept.write("p/a", iter([b"x" * 60, b"x" * 60]), 100)
    with pytest.raises(NotFound):
        list(kept.read("p/a"))


def test_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    """When the source of the bytes fails, no half file and no leftover stays."""

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionError

    kept = FileBytes(str(tmp_path))
    with pytest.raises(StorageError):
        kept.write("p/a", broken(), 100)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_removed_is_gone(root: str) -> None:
    """What is removed can't be read; removing it again is fine."""
    kept = FileBytes(root)
    kept.write("p/a", iter([b"x"]), 100)
    kept.remove("p/a")
    kept.remove("p/a")
    with pytest.raises(NotFound), kept.local("p/a"):
        pass


def test_unknown_file_system_is_refused() -> None:
    """A URL of no known file system is refused."""
    with pytest.raises(ConfigError):
        FileBytes("nosuch://bucket")


def test_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra for S3, whether it is installed here or not, the error says how to install it."""
    monkeypatch.setitem(sys.modules, "s3fs", None)  # what makes Python's import fail
    with pytest.raises(ConfigError) as refused:
        FileBytes("s3://bucket/vectune")
    assert "vectune[s3]" in refused.value.hint


def test_everything_is_listed(root: str) -> None:
    """Each entry has its place, its size and when it was written, about now; an empty root has none."""
    kept = FileBytes(root)
    assert list(kept.entries()) == []
    kept.write("p/a", iter([b"123"]), 100)
    kept.write("q/b.jsonl", iter([b""]), 100)
    found = {entry.location: entry for entry in kept.entries()}
    assert {place: entry.bytes for place, entry in found.items()} == {"p/a": 3, "q/b.jsonl": 0}
    assert all(entry.written is not None and abs(entry.written - time.time()) < 3600 for entry in found.values())
    assert kept.exists("p/a")
    assert not kept.exists("p/b")


@pytest.mark.parametrize("kind", [Bucket, StubbornBucket])
def test_what_others_write_is_seen_at_once(kind: type[Bucket]) -> None:
    """A file system that remembers what it listed is made to look anew: what another process wrote since is there, can
    be read and goes when it is removed."""
    root = f"{kind.protocol}://{uuid4()}"
    kept = FileBytes(root)
    kept.write("p/mine", iter([b"1"]), 100)
    assert [entry.location for entry in kept.entries()] == ["p/mine"]
    place = f"{root.removeprefix(f'{kind.protocol}://')}/p/theirs"
    kind.objects[place] = b"22"
    assert kept.exists("p/theirs")
    assert b"".join(kept.read("p/theirs")) == b"22"
    with kept.local("p/theirs") as path:
        assert path.read_bytes() == b"22"
    assert {entry.location for entry in kept.entries()} == {"p/mine", "p/theirs"}
    kind.objects[f"{place}-too"] = b"333"
    kept.remove("p/theirs-too")
    assert f"{place}-too" not in kind.objects


@pytest.mark.parametrize(
    "act",
    [
        lambda kept: kept.write("p/a", iter([b"x"]), 100),
        lambda kept: list(kept.read("p/a")),
        lambda kept: kept.remove("p/a"),
        lambda kept: list(kept.entries()),
        lambda kept: kept.exists("p/a"),
    ],
    ids=["write", "read", "remove", "entries", "exists"],
)
def test_errors_of_a_driver_are_told_as_ours(act: Callable[[FileBytes], object]) -> None:
    """What a remote file system raises is the store's fault, whatever its class."""
    with pytest.raises(StorageError) as raised:
        act(FileBytes(f"{BrokenBucket.protocol}://b"))
    assert raised.value.hint
    assert raised.value.__cause__ is BrokenBucket.fault


def test_too_much_for_a_remote_file_system_is_still_too_much() -> None:
    """Our own errors pass as they are."""
    kept = FileBytes(f"{Bucket.protocol}://{uuid4()}")
    with pytest.raises(TooLarge):
        kept.write("p/a", iter([b"x" * 101]), 100)
    with pytest.raises(NotFound):
        list(kept.read("p/a"))
