"""The tiny model as it is exported, for tests of the exports and of what runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.fakes.tiny_model import WORDS, save_tiny_model
from vectune.config.export import ExportFormat
from vectune.encode.export.folder import needs_calibration, write_export
from vectune.encode.export.int8 import Calibration
from vectune.encode.export.layer_inputs import LayerInputs
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder

CALIBRATION = [" ".join(WORDS[i : i + 3 + i % 12]) for i in range(0, 160, 8)]


@pytest.fixture(scope="session")
def prompted_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that puts one prompt before queries and another before documents."""
    return save_tiny_model(tmp_path_factory.mktemp("prompted") / "model", prompts=True)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory, prompted_model: Path) -> dict[str, Path]:
    """The prompted model in every format that has a graph."""
    encoder = load_encoder(str(prompted_model), precision="fp32")
    folders: dict[str, Path] = {}
    forms: tuple[ExportFormat, ...] = ("openvino", "openvino-int8", "onnx", "onnx-int8")
    for form in forms:
        folders[form] = tmp_path_factory.mktemp("exported") / form
        folders[form].mkdir()
        calibration = Calibration(token_ids(encoder), 0.7, 1.0) if needs_calibration(form) else None
        write_export(encoder, prompted_model, folders[form], form, calibration)
    return folders


@pytest.fixture(scope="session")
def taken_apart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model in int8, of whose layers those behind an activation have outliers and are taken apart."""
    source = save_tiny_model(tmp_path_factory.mktemp("outliers") / "model", intermediate=256)
    encoder = load_encoder(str(source), precision="fp32")
    with torch.no_grad():
        for name, layer in encoder.model.named_modules():
            if name.endswith("intermediate.dense"):
                layer.bias[:2] += 30.0  # outputs that are outliers for the layer behind
    folder = tmp_path_factory.mktemp("taken") / "apart"
    folder.mkdir()
    write_export(encoder, source, folder, "openvino-int8", Calibration(token_ids(encoder), 0.0, 1e-6))
    return folder


def token_ids(encoder: SentenceEncoder) -> list[list[int]]:
    """CALIBRATION as calibration takes it."""
    tokens = encoder.tokenize(CALIBRATION)
    return [tokens.ids[a:b].tolist() for a, b in zip(tokens.offsets, tokens.offsets[1:], strict=False)]


def inputs_of(layer: nn.Linear, inputs: Tensor) -> LayerInputs:
    """What is known of `inputs` [..., in] that `layer` alone is given."""
    zero = torch.zeros(inputs.shape[-1])
    given = LayerInputs({"layer": layer}, zero, zero, torch.zeros(len(zero), len(zero)))
    given.take(inputs)
    return given
