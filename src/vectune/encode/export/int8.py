"""A graph with 8-bit integers in its matrix products, calibrated on texts.

Static post-training quantisation by NNCF, in its scheme for transformers. Weights are quantised per output channel,
activations per tensor; linear layers come smoothed and with weights that are on their grid (`int8_linear`), which NNCF
finds again. Attention stays in floating point, where int8 is no faster, tables of embeddings, which are only looked up,
and the layers that int8 would hurt most.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vectune.encode.export.float_products import float_products_onnx, float_products_openvino
from vectune.encode.export.manifest import INPUTS
from vectune.encode.export.openvino_library import load_nncf, load_openvino
from vectune.errors import DataError

LEAST_TEXTS = 8
_OFF = -1.0  # NNCF's own smoothing
_IN_FLOATING_POINT = ["ScaledDotProductAttention", "Gather"]
Batch = Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Calibration:
    """Token ids of the texts that ranges are taken from, SmoothQuant's alpha (0 to 1, None for the best divisors), and
    the mean loss of cosine that int8 may cost: layers stay as they are until no more is predicted."""

    token_ids: Sequence[Sequence[int]]
    smoothing: float | None
    most_loss: float

    def batches(self) -> list[Batch]:
        """One text a batch: nothing is padded, so no range is taken of padding."""
        return [
            dict(zip(INPUTS, (np.array([ids], dtype=np.int64), np.ones((1, len(ids)), dtype=np.int64)), strict=True))
            for ids in self.token_ids
        ]


def quantise_openvino(file: Path, calibration: Calibration, keep: Collection[str] = ()) -> None:
    """Replace the OpenVINO graph in `file` by its int8 version; the linear layers called `keep` stay as they are."""
    openvino = load_openvino()
    model = openvino.Core().read_model(file)
    quantised = _quantise(model, calibration, float_products_openvino(model, keep))
    aside = file.with_name(f"int8-{file.name}")
    openvino.save_model(quantised, aside)
    aside.with_suffix(".bin").replace(file.with_suffix(".bin"))
    aside.replace(file)


def quantise_onnx(file: Path, calibration: Calibration, keep: Collection[str] = ()) -> None:
    """Replace the ONNX graph in `file` by its int8 version (QDQ nodes); the linear layers called `keep` stay.

    Weights that lay beside it are in the new file, and go.
    """
    import onnx

    model = onnx.load(file)
    onnx.save(_quantise(model, calibration, float_products_onnx(model, keep)), file)
    file.with_name(f"{file.name}.data").unlink(missing_ok=True)


def _quantise(model: Any, calibration: Calibration, kept: list[str]) -> Any:
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
            ignored_scope=nncf.IgnoredScope(names=kept, types=_IN_FLOATING_POINT, validate=False),
            subset_size=len(calibration.token_ids),
            advanced_parameters=AdvancedQuantizationParameters(
                smooth_quant_alphas=AdvancedSmoothQuantParameters(matmul=_OFF, convolution=_OFF)
            ),
        )
