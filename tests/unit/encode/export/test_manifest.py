"""The manifest is read back as it was written, or refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from vectune.encode.export.manifest import MANIFEST_FILE, is_export, read_manifest, write_manifest
from vectune.errors import ModelError


def test_manifest_comes_back(exported: dict[str, Path], tmp_path: Path) -> None:
    """What is written is what is read, tuples and all."""
    manifest = read_manifest(exported["onnx"])
    (tmp_path / manifest.file).write_bytes(b"")
    write_manifest(manifest, tmp_path)
    assert read_manifest(tmp_path) == manifest
    assert is_export(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"vectune_export": 99}, {"file": "../model.onnx"}, {"file": "absent.onnx"}, {"dim": None, "format": None}],
)
def test_damaged_manifest_is_refused(exported: dict[str, Path], tmp_path: Path, change: dict[str, object]) -> None:
    """A later version, a graph that is elsewhere or missing, or missing keys: never half understood."""
    folder = Path(shutil.copytree(exported["onnx"], tmp_path / "copy"))
    content = json.loads((folder / MANIFEST_FILE).read_text()) | change
    content = {key: value for key, value in content.items() if value is not None}
    (folder / MANIFEST_FILE).write_text(json.dumps(content))
    with pytest.raises(ModelError):
        read_manifest(folder)


def test_other_folders_are_no_exports(tmp_path: Path) -> None:
    """A folder without a manifest is none, and says so when it is read."""
    assert not is_export(tmp_path)
    with pytest.raises(ModelError, match="can't be read"):
        read_manifest(tmp_path)
