"""A graph with 8-bit integers in its matrix products, calibrated on texts.

Static post-training quantisation by NNCF, in its scheme for transformers, after SmoothQuant (Xiao et al., 2023, arXiv
2211.10438): part of each activation's range is moved into the weights, so that outliers do not eat the 8 bits.
Weights are quantised per output channel, activations per tensor.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vectune.encode.export.manifest import INPUTS
from vectune.encode.export.openvino_library import load_nncf, load_openvino
from vectune.errors import DataError

LEAST_TEXTS = 8
Batch = Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Calibration:
    """Token ids of the texts that ranges are taken from, and SmoothQuant's alpha (0 to 1)."""

    token_ids: Sequence[Sequence[int]]
    smoothing: float

    def batches(self) -> list[Batch]:
        """One text a batch: nothing is padded, so no range is taken of padding."""
        return [
            dict(zip(INPUTS, (np.array([ids], dtype=np.int64), np.ones((1, len(ids)), dtype=np.int64)), strict=True))
            for ids in self.token_ids
        ]


def quantise_openvino(file: Path, calibration: Calibration) -> None:
    """Replace the OpenVINO graph in `file` by its int8 version."""
    openvino = load_openvino()
    quantised = _quantise(openvino.Core().read_model(file), calibration)
    aside = file.with_name(f"int8-{file.name}")
    openvino.save_model(quantised, aside)
    aside.with_suffix(".bin").replace(file.with_suffix(".bin"))
    aside.replace(file)


def quantise_onnx(file: Path, calibration: Calibration) -> None:
    """Replace the ONNX graph in `file` by its int8 version (QDQ nodes)."""
    import onnx

    onnx.save(_quantise(onnx.load(file), calibration), file)


def _quantise(model: Any, calibration: Calibration) -> Any:
    if len(calibration.token_ids) < LEAST_TEXTS:
        raise DataError(
            f"int8 needs at least {LEAST_TEXTS} texts to take its ranges from.", "Give more data, or another format."
        )
    nncf = load_nncf()
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, AdvancedSmoothQuantParameters

    with redirect_stdout(io.StringIO()):  # its progress bars
        return nncf.quantize(
            model,
            nncf.Dataset(calibration.batches()),
            model_type=nncf.ModelType.TRANSFORMER,
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(calibration.token_ids),
            advanced_parameters=AdvancedQuantizationParameters(
                smooth_quant_alphas=AdvancedSmoothQuantParameters(matmul=calibration.smoothing)
            ),
        )
