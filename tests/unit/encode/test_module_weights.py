"""Which files of a model's folder are its weights, and which are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense

from vectune.encode.loading import load_encoder
from vectune.encode.module_weights import refuse_pickled, weights_files
from vectune.errors import ModelError


@pytest.fixture
def with_dense(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """The tiny model with a dense layer after it, in a folder of its own."""
    model = SentenceTransformer(str(tiny_model_folder), device="cpu")
    model.append(Dense(32, 8))
    model.save_pretrained(str(tmp_path / "model"), create_model_card=False)
    return tmp_path / "model"


def _pickle(weights: Path) -> Path:
    """The same weights as torch saves them, in the place of the safetensors."""
    pickled = weights.with_name("pytorch_model.bin")
    torch.save(load_file(weights), pickled)
    weights.unlink()
    return pickled


def test_weights_of_every_module_are_found(with_dense: Path) -> None:
    """The transformer's in the model's own folder, the dense layer's in its own."""
    places = [file.relative_to(with_dense).as_posix() for file in weights_files(with_dense)]
    assert len(places) == 2
    assert "model.safetensors" in places
    assert any(place.endswith("Dense/model.safetensors") for place in places)


def test_a_module_with_pickled_weights_is_refused(with_dense: Path) -> None:
    """sentence-transformers would unpickle them, whatever it was told of the transformer's."""
    assert load_encoder(str(with_dense)).dim == 8
    (weights,) = with_dense.glob("*Dense/model.safetensors")
    pickled = _pickle(weights)
    assert SentenceTransformer(str(with_dense), device="cpu").get_embedding_dimension() == 8  # it would
    place = pickled.relative_to(with_dense).as_posix()
    with pytest.raises(ModelError, match=f"not safetensors: {place}"):
        load_encoder(str(with_dense))
    with pytest.raises(ModelError, match="not safetensors"):
        load_encoder(str(with_dense), trust_remote_code=True)


def test_pickled_weights_beneath_a_module_are_refused(with_dense: Path) -> None:
    """Routes keep their modules in folders of their own."""
    (weights,) = with_dense.glob("*Dense/model.safetensors")
    beneath = weights.parent / "route" / "deeper"
    shutil.copytree(weights.parent, beneath)
    _pickle(beneath / weights.name)
    with pytest.raises(ModelError, match=r"route/deeper/pytorch_model\.bin"):
        load_encoder(str(with_dense))


def test_pickled_weights_beside_safetensors_or_in_no_module_are_let_lie(with_dense: Path) -> None:
    """Snapshots of the hub hold both, and checkpoints of a training lie in folders that nothing names."""
    (weights,) = with_dense.glob("*Dense/model.safetensors")
    for place in (with_dense, weights.parent, with_dense / "checkpoint-1"):
        place.mkdir(exist_ok=True)
        (place / "pytorch_model.bin").write_bytes(b"anything")
    assert load_encoder(str(with_dense)).dim == 8


@pytest.mark.parametrize("path", ["../elsewhere", "1_Dense/../../elsewhere", "/elsewhere"])
def test_modules_outside_the_folder_are_refused(tmp_path: Path, path: str) -> None:
    """Nobody looked at what lies there."""
    (tmp_path / "modules.json").write_text(json.dumps([{"path": ""}, {"path": path}]))
    with pytest.raises(ModelError, match="outside its folder"):
        refuse_pickled("some", tmp_path)


def test_a_listing_stands_for_files_that_are_not_here(tmp_path: Path) -> None:
    """Of a model on the hub only the configs are fetched before."""
    (tmp_path / "modules.json").write_text(json.dumps([{"path": ""}, {"path": "2_Dense"}]))
    files = ["modules.json", "model.safetensors", "pytorch_model.bin", "2_Dense/pytorch_model.bin"]
    with pytest.raises(ModelError, match=r"2_Dense/pytorch_model\.bin"):
        refuse_pickled("some", tmp_path, files)
    refuse_pickled("some", tmp_path, [*files, "2_Dense/model.safetensors"])
