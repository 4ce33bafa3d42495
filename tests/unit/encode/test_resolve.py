"""Finding models, and refusing what is none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vectune.encode.loading import load_encoder
from vectune.encode.resolve import PACKAGED_SHA256, packaged_folder, resolve_model, verify_weights
from vectune.errors import ModelError


def test_a_run_folder_stands_for_its_model(tiny_model_folder: Path, tmp_path: Path) -> None:
    """`runs/a` finds `runs/a/model`."""
    shutil.copytree(tiny_model_folder, tmp_path / "run" / "model")
    assert resolve_model(str(tmp_path / "run")).location == str(tmp_path / "run" / "model")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    """The message names the folder and what is missing in it."""
    with pytest.raises(ModelError, match=r"neither modules\.json nor config\.json"):
        resolve_model(str(tmp_path))


def test_a_path_that_is_not_there_is_refused() -> None:
    """A path is never tried as a hub name."""
    with pytest.raises(ModelError, match="There is no model at"):
        resolve_model("./not/here")


def test_a_name_that_nobody_has_is_refused_with_a_hint() -> None:
    """Offline, an unknown name ends in a sentence, not in a traceback of the hub's client."""
    with pytest.raises(ModelError, match="neither on this machine") as caught:
        load_encoder("nobody/no-such-model")
    assert "path of a model folder" in caught.value.hint


def test_pickled_weights_are_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A folder with pytorch_model.bin alone is not loaded: pickles run code."""
    folder = tmp_path / "pickled"
    shutil.copytree(tiny_model_folder, folder)
    next(folder.glob("*.safetensors")).unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelError):
        load_encoder(str(folder))


@pytest.mark.model
def test_the_packaged_weights_are_the_published_ones() -> None:
    """The packaged folder resolves by name and passes the checksum."""
    folder = packaged_folder()
    assert folder is not None
    verify_weights(folder, PACKAGED_SHA256)
    assert resolve_model("all-MiniLM-L6-v2").location == str(folder)


def test_wrong_weights_are_refused(tiny_model_folder: Path) -> None:
    """Weights with another checksum are named as such, with both sums."""
    with pytest.raises(ModelError, match=r"sha256 .* the published ones have 53aa51172d14"):
        verify_weights(tiny_model_folder, PACKAGED_SHA256)
