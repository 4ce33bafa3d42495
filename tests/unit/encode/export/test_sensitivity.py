"""The layers that int8 hurts most are found, and only as many as it takes are left out."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch

from tests.unit.encode.conftest import CALIBRATION, token_ids
from vectune.encode.export.int8 import Calibration, quantise_onnx, quantise_openvino
from vectune.encode.export.onnx_graph import ONNX_FILE, write_onnx
from vectune.encode.export.openvino_graph import OPENVINO_FILE, write_openvino
from vectune.encode.export.openvino_library import load_openvino
from vectune.encode.export.sensitivity import Sensitivity
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder

_BAD = "0.model.encoder.layer.1.output.dense"


@pytest.fixture
def encoder(tiny_model_folder: Path) -> SentenceEncoder:
    """The tiny model with one input channel of one layer a thousand times the others: 8 bits can't hold both."""
    encoder = load_encoder(str(tiny_model_folder), precision="fp32")
    before = encoder.model.get_submodule("0.model.encoder.layer.1.intermediate.dense")
    after = encoder.model.get_submodule(_BAD)
    with torch.no_grad():
        before.bias[3] = 500.0  # type: ignore[index, operator]
        after.weight[:, 3] = 0.05  # type: ignore[index, operator] # the same for all: the norm that follows removes it
    return encoder


def test_an_outlier_is_taken_apart_and_its_layer_stays_in_int8(encoder: SentenceEncoder) -> None:
    """Of the layer whose input has one huge channel, that channel is split off; nothing has to be kept for it."""
    ids = token_ids(encoder)
    sensitivity = Sensitivity(encoder, ids, 0.0)
    all_in_int8 = sensitivity.plan(1.0)
    assert (all_in_int8.split, all_in_int8.kept) == ({}, ())
    plan = sensitivity.plan(all_in_int8.predicted / 4)
    assert 3 in plan.split[_BAD]
    assert _BAD not in plan.kept
    assert plan.predicted <= all_in_int8.predicted / 4
    assert f"{_BAD}.side" in plan.in_floating_point


def test_what_splitting_does_not_mend_is_kept(encoder: SentenceEncoder) -> None:
    """With no loss allowed, layers that lose even when split stay in floating point, and none is both."""
    plan = Sensitivity(encoder, token_ids(encoder), 0.0).plan(0.0)
    assert plan.kept
    assert set(plan.kept).isdisjoint(plan.split)
    assert plan.predicted == pytest.approx(0.0, abs=1e-12)


def test_plans_do_not_disturb_each_other(encoder: SentenceEncoder) -> None:
    """Asked in any order, the same plan comes for the same loss; less loss never leaves more in int8."""
    ids = token_ids(encoder)
    sensitivity = Sensitivity(encoder, ids, 0.0)
    limits = [1.0, 1e-4, 1e-6, 0.0]
    plans = [sensitivity.plan(limit) for limit in limits]
    assert [sensitivity.plan(limit) for limit in reversed(limits)] == plans[::-1]
    assert [Sensitivity(encoder, ids, 0.0).plan(limit) for limit in limits] == plans
    assert sorted(len(plan.kept) for plan in plans) == [len(plan.kept) for plan in plans]


def test_layers_are_those_of_the_plan(encoder: SentenceEncoder) -> None:
    """All that is not kept is put in int8, and what is split has its outliers apart."""
    sensitivity = Sensitivity(encoder, token_ids(encoder), 0.0)
    limit = sensitivity.plan(1.0).predicted / 4
    plan, layers = sensitivity.plan(limit), sensitivity.layers(limit)
    assert set(layers).isdisjoint(plan.kept)
    assert {name for name, layer in layers.items() if layer.side is not None} == set(plan.split)
    assert set(sensitivity.layers(0.0)) < set(layers)


def test_vectors_are_as_before_afterwards(encoder: SentenceEncoder) -> None:
    """Hooks and trials are gone: the model is not changed by having been looked at."""
    before = encoder.encode(CALIBRATION)
    Sensitivity(encoder, token_ids(encoder), 0.5).plan(1e-5)
    assert (encoder.encode(CALIBRATION) == before).all()


def test_layers_left_out_are_in_floating_point(encoder: SentenceEncoder, tmp_path: Path) -> None:
    """In both graphs the named layer's product has no int8 weights; the others have."""
    calibration = Calibration(token_ids(encoder), 0.5, 1.0)
    found: dict[str, list[int]] = {"onnx": [], "openvino": []}
    for keep in ([], [_BAD]):
        write_onnx(encoder, tmp_path)
        quantise_onnx(tmp_path / ONNX_FILE, calibration, keep)
        tensors = onnx.load(tmp_path / ONNX_FILE).graph.initializer
        found["onnx"].append(sum(one.data_type == onnx.TensorProto.INT8 and len(one.dims) == 2 for one in tensors))
        write_openvino(encoder, tmp_path)
        quantise_openvino(tmp_path / OPENVINO_FILE, calibration, keep)
        operations = load_openvino().Core().read_model(tmp_path / OPENVINO_FILE).get_ordered_ops()
        constants = [one for one in operations if one.get_type_name() == "Constant" and len(one.shape) == 2]
        kinds = [one.get_element_type().get_type_name() for one in constants]
        found["openvino"].append(kinds.count("i8") + kinds.count("u8"))
    for all_layers, all_but_one in found.values():
        assert all_layers >= 12
        assert all_but_one == all_layers - 1
