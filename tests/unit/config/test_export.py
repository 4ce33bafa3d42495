"""Exports are asked for by formats, types and backends that exist."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from vectune.config import EncodeConfig, ExportConfig
from vectune.config.export import ExportFormat
from vectune.config.vectors import BackendName, VectorType


def test_every_format_is_accepted_and_no_other() -> None:
    """The six formats parse; anything else is refused."""
    for form in get_args(ExportFormat):
        assert ExportConfig(model="m", format=form, out=Path("o")).certificate
    with pytest.raises(ValidationError):
        ExportConfig.model_validate({"model": "m", "format": "gguf", "out": "o"})


@pytest.mark.parametrize("smoothing", [-0.1, 1.1])
def test_smoothing_is_a_share(smoothing: float) -> None:
    """SmoothQuant's alpha lies between 0 and 1."""
    with pytest.raises(ValidationError):
        ExportConfig(model="m", format="onnx-int8", out=Path("o"), smoothing=smoothing)


def test_encode_takes_the_backends_and_types() -> None:
    """Each backend and each type of vector is a setting of `encode`; the defaults are automatic and exact."""
    for backend in get_args(BackendName):
        for kind in get_args(VectorType):
            EncodeConfig(model="m", path="p", out=Path("o"), backend=backend, type=kind)
    default = EncodeConfig(model="m", path="p", out=Path("o"))
    assert (default.backend, default.type) == ("auto", "float32")
