"""A folder is sound while its files are, byte for byte, those that were written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from vectune.store.checksums import checksum, is_sound, write_checksums


def _written(folder: Path) -> Path:
    (folder / "inner").mkdir()
    (folder / "inner" / "a.bin").write_bytes(b"content")
    (folder / "b.txt").write_text("text")
    write_checksums(folder)
    return folder


def test_a_checksum_is_the_sha256(tmp_path: Path) -> None:
    """As hashlib gives it for the content."""
    (tmp_path / "file").write_bytes(b"content")
    assert checksum(tmp_path / "file") == hashlib.sha256(b"content").hexdigest()


def test_what_was_written_is_sound(tmp_path: Path) -> None:
    """Files of inner folders count, by their path; one that is needed must be among them."""
    folder = _written(tmp_path)
    assert is_sound(folder)
    assert is_sound(folder, ("inner/a.bin", "b.txt"))
    assert not is_sound(folder, ("c.txt",))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "inner" / "a.bin").write_bytes(b"cOntent"),
        lambda folder: (folder / "inner" / "a.bin").unlink(),
        lambda folder: (folder / "c.txt").write_text("more"),
        lambda folder: (folder / "checksums.json").unlink(),
        lambda folder: (folder / "checksums.json").write_bytes(b"\xff{"),
    ],
    ids=["changed", "gone", "one too many", "no list", "no JSON"],
)
def test_anything_else_is_not(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    """A change to a file, to their number or to the list of checksums is found."""
    folder = _written(tmp_path)
    damage(folder)
    assert not is_sound(folder)
