"""The tiny model as it is exported, for tests of the exports and of what runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.tiny_model import WORDS, save_tiny_model
from vectune.config.export import ExportFormat
from vectune.encode.export.folder import needs_calibration, write_export
from vectune.encode.export.int8 import Calibration
from vectune.encode.loading import load_encoder

CALIBRATION = [" ".join(WORDS[i : i + 3 + i % 12]) for i in range(0, 160, 8)]


@pytest.fixture(scope="session")
def prompted_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that puts one prompt before queries and another before documents."""
    return save_tiny_model(tmp_path_factory.mktemp("prompted") / "model", prompts=True)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory, prompted_model: Path) -> dict[str, Path]:
    """The prompted model in every format that has a graph."""
    encoder = load_encoder(str(prompted_model), precision="fp32")
    tokens = encoder.tokenize(CALIBRATION)
    ids = [tokens.ids[a:b].tolist() for a, b in zip(tokens.offsets, tokens.offsets[1:], strict=False)]
    folders: dict[str, Path] = {}
    forms: tuple[ExportFormat, ...] = ("openvino", "openvino-int8", "onnx", "onnx-int8")
    for form in forms:
        folders[form] = tmp_path_factory.mktemp("exported") / form
        folders[form].mkdir()
        calibration = Calibration(ids, 0.7, 1.0) if needs_calibration(form) else None
        write_export(encoder, prompted_model, folders[form], form, calibration)
    return folders
