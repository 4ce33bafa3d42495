"""int8 graphs hold int8 weights and stay near the model."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from tests.unit.encode.conftest import CALIBRATION
from vectune.encode.export.folder import refuse_format, write_export
from vectune.encode.export.int8 import Calibration, quantise_onnx
from vectune.encode.export.onnx_graph import ONNX_FILE
from vectune.encode.loading import load_encoder
from vectune.encode.open_encoder import open_encoder
from vectune.errors import DataError, ModelError


@pytest.mark.parametrize("runtime", ["openvino", "onnx"])
def test_int8_stays_near_the_model(exported: dict[str, Path], runtime: str) -> None:
    """Vectors of the int8 graph are those of the full one, nearly and not quite."""
    full = open_encoder(str(exported[runtime])).encode(CALIBRATION)
    rough = open_encoder(str(exported[f"{runtime}-int8"])).encode(CALIBRATION)
    cosines = (full * rough).sum(axis=1)
    assert cosines.min() > 0.98
    assert cosines.min() < 0.999999


def test_weights_are_stored_in_8_bits(exported: dict[str, Path]) -> None:
    """The matrices of the layers are int8 tensors."""
    model = onnx.load(exported["onnx-int8"] / ONNX_FILE)
    matrices = [tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.INT8]
    assert sum(int(np.prod(tensor.dims)) for tensor in matrices) > 2 * 4 * 32 * 32


def test_too_few_texts_are_refused(tmp_path: Path) -> None:
    """Ranges of a handful of texts would cut off what comes later."""
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], [])), tmp_path / ONNX_FILE)
    with pytest.raises(DataError, match="at least 8"):
        quantise_onnx(tmp_path / ONNX_FILE, Calibration([[2, 3]] * 3, 0.5, 1.0))


def test_weights_beside_the_graph_go(exported: dict[str, Path], tmp_path: Path) -> None:
    """The int8 graph holds its weights itself: nothing is left of those that were beside the full one."""
    shutil.copytree(exported["onnx"], tmp_path / "model")
    file = tmp_path / "model" / ONNX_FILE
    data = f"{ONNX_FILE}.data"
    onnx.save(onnx.load(file), file, save_as_external_data=True, location=data, size_threshold=0)
    assert file.with_name(data).is_file()
    texts = [[2, 5 + number, 6, 7, 3] for number in range(10)]
    quantise_onnx(file, Calibration(texts, 0.7, 1.0))
    assert not file.with_name(data).exists()
    full = open_encoder(str(exported["onnx"])).encode(CALIBRATION)
    assert (full * open_encoder(str(tmp_path / "model")).encode(CALIBRATION)).sum(axis=1).min() > 0.9


def test_model_of_more_than_one_file_is_refused_before_any_work(prompted_model: Path, tmp_path: Path) -> None:
    """What could only fail after hours says at once what to use; other formats take the model."""
    encoder = load_encoder(str(prompted_model), precision="fp32")
    large = torch.nn.Parameter(torch.empty(600_000_000, device="meta"))  # 2.4 GB that take no memory
    encoder.model[0].register_parameter("large", large)
    with pytest.raises(ModelError, match="one ONNX file") as refused:
        write_export(encoder, prompted_model, tmp_path, "onnx-int8", Calibration([[2, 3]] * 8, 0.7, 1.0))
    assert "openvino-int8" in refused.value.hint
    assert not list(tmp_path.iterdir())
    refuse_format(encoder, "openvino-int8")


def test_each_text_is_a_batch_of_its_own() -> None:
    """Nothing is padded, so no range is taken of padding."""
    first, second = Calibration([[2, 9, 3], [2, 3]], 0.5, 1.0).batches()
    assert first["input_ids"].tolist() == [[2, 9, 3]]
    assert second["attention_mask"].tolist() == [[1, 1]]
