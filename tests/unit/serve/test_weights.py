"""How much memory a model will take."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from vectune.encode.export.folder import write_export
from vectune.encode.loading import load_encoder
from vectune.serve.weights import held_bytes, weights_bytes


def _parameters(folder: Path) -> int:
    return sum(weight.numel() for weight in load_encoder(str(folder)).model.parameters())


def test_size_is_that_of_the_weights_in_memory(tiny_model_folder: Path) -> None:
    """Four bytes for each parameter of the model."""
    assert weights_bytes(str(tiny_model_folder)) == 4 * _parameters(tiny_model_folder) > 0


def test_other_formats_beside_the_weights_do_not_count(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A snapshot of the hub holds the same model several times; one of them is loaded."""
    folder = shutil.copytree(tiny_model_folder, tmp_path / "model")
    for other in ("pytorch_model.bin", "onnx/model.onnx", "onnx/model.safetensors", "model.fp16.safetensors"):
        (folder / other).parent.mkdir(exist_ok=True)
        shutil.copyfile(folder / "model.safetensors", folder / other)
    assert weights_bytes(str(folder)) == weights_bytes(str(tiny_model_folder))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_weights_count_as_they_are_held(tiny_model_folder: Path, tmp_path: Path, dtype: torch.dtype) -> None:
    """Saved in two bytes or eight, they are held in four."""
    folder = shutil.copytree(tiny_model_folder, tmp_path / "model")
    file = folder / "model.safetensors"
    save_file({name: tensor.to(dtype) for name, tensor in load_file(file).items()}, file)
    assert weights_bytes(str(folder)) == weights_bytes(str(tiny_model_folder))


def test_shards_and_modules_count(tiny_model_folder: Path, tmp_path: Path) -> None:
    """All files of an index, and those of a module in a folder of its own."""
    folder = shutil.copytree(tiny_model_folder, tmp_path / "model")
    whole = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    shards = {name: f"model-{place % 2}.safetensors" for place, name in enumerate(sorted(whole))}
    for shard in set(shards.values()):
        save_file({name: tensor for name, tensor in whole.items() if shards[name] == shard}, folder / shard)
    save_file(whole, folder / "left-over.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    assert weights_bytes(str(folder)) == weights_bytes(str(tiny_model_folder))
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([*modules, {"type": "Dense", "path": "9_Dense"}]))
    (folder / "9_Dense").mkdir()
    save_file({"linear.weight": torch.zeros(5, 7)}, folder / "9_Dense" / "model.safetensors")
    assert weights_bytes(str(folder)) == weights_bytes(str(tiny_model_folder)) + 4 * 35


def test_an_exported_graph_counts_as_its_files(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Those of the graph, not the vocabulary beside them."""
    write_export(load_encoder(str(tiny_model_folder)), tiny_model_folder, tmp_path, "openvino")
    files = ("model.xml", "model.bin")
    assert weights_bytes(str(tmp_path)) == sum((tmp_path / file).stat().st_size for file in files)


def test_whole_numbers_and_damaged_files(tmp_path: Path) -> None:
    """Whole numbers take what they take; a file without a header counts as it lies there."""
    save_file({"ids": torch.zeros(3, dtype=torch.int64), "w": torch.zeros(2, dtype=torch.bfloat16)}, tmp_path / "a")
    assert held_bytes(tmp_path / "a") == 3 * 8 + 2 * 4
    (tmp_path / "b").write_bytes(b"\x05\0\0\0\0\0\0\0{]..." * 3)
    assert held_bytes(tmp_path / "b") == (tmp_path / "b").stat().st_size


def test_what_is_not_here_weighs_nothing(tmp_path: Path) -> None:
    """A remote model, one of the hub and a missing folder count as nothing."""
    assert [weights_bytes(name) for name in ("openai:x", "no-one/no-model", str(tmp_path / "gone"))] == [0, 0, 0]
