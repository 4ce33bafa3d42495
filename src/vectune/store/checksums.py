"""SHA-256 of files, kept beside them, by which one finds out later that they are what was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

CHECKSUMS = "checksums.json"


def checksum(file: Path) -> str:
    """The SHA-256 of a file's content, in hex; OSError when it can't be read."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_checksums(folder: Path) -> None:
    """Put those of all files under `folder` into checksums.json there."""
    (folder / CHECKSUMS).write_text(json.dumps(_checksums(folder)), encoding="utf-8")


def is_sound(folder: Path, needed: Iterable[str] = ()) -> bool:
    """Whether all files under `folder`, no more and no fewer, are what they were, and those `needed` are there."""
    try:
        written = json.loads((folder / CHECKSUMS).read_bytes())
        found = _checksums(folder)
    except (OSError, ValueError):
        return False
    return bool(written == found and set(needed) <= found.keys())


def _checksums(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): checksum(path) for path in files if path != folder / CHECKSUMS}
