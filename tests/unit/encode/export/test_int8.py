"""int8 graphs hold int8 weights and stay near the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.unit.encode.conftest import CALIBRATION
from vectune.encode.export.int8 import Calibration, quantise_onnx
from vectune.encode.export.onnx_graph import ONNX_FILE
from vectune.encode.open_encoder import open_encoder
from vectune.errors import DataError


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


def test_each_text_is_a_batch_of_its_own() -> None:
    """Nothing is padded, so no range is taken of padding."""
    first, second = Calibration([[2, 9, 3], [2, 3]], 0.5, 1.0).batches()
    assert first["input_ids"].tolist() == [[2, 9, 3]]
    assert second["attention_mask"].tolist() == [[1, 1]]
