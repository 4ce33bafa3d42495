"""Settings of exporting a model for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from vectune.config.data import DataConfig, SplitConfig
from vectune.config.evaluate import EvaluateConfig
from vectune.config.model import Config
from vectune.config.vectors import Dim

ExportFormat = Literal["openvino", "openvino-int8", "onnx", "onnx-int8", "static", "safetensors"]


class ExportConfig(Config):
    """`vectune export`: a model as a folder that another runtime loads, with a certificate of what it lost."""

    model: str
    """The model to export: a run folder, a path or a name."""
    format: ExportFormat
    """`openvino` and `onnx` are the model as a graph, `-int8` the same with 8-bit integers, `static` a token table,
    `safetensors` the folder that sentence-transformers loads."""
    out: Path
    """Folder to make."""
    trust_remote_code: bool = False
    """Let the model run Python code of its own; it runs with all your rights, so read it first."""
    path: str | None = None
    """Data that the certificate is measured on and int8 is calibrated on; by default the data of the run."""
    certificate: bool = True
    """Measure what the export lost and write parity.json; without it the folder says that it is uncertified."""
    dims: tuple[Dim, ...] = ()
    """Matryoshka dimensions to certify besides the full size; by default those of the run."""
    queries: int = Field(300, ge=4)
    """Most dev queries that the certificate is measured on, drawn by hash."""
    documents: int = Field(1000, ge=10)
    """Most documents that they search among: the relevant ones first, then others drawn by hash."""
    calibration_texts: int = Field(300, ge=8)
    """Training texts that int8 takes its ranges from, half queries and half documents."""
    smoothing: float | None = Field(None, ge=0, le=1)
    """How far int8 moves outliers of activations into the weights (SmoothQuant's alpha); by default each channel as far
    as costs the outputs least."""
    int8_loss: float = Field(0.0005, ge=0, le=1)
    """Mean loss of cosine that int8 may cost, as predicted layer by layer: of those that hurt most, channels with
    outliers or all of the layer stay in floating point until no more is predicted. Less is truer and slower."""
    int8_score_loss: float = Field(0.005, ge=0, le=1)
    """Most that int8 may cost of the certificate's measure on dev: while more is measured, `int8_loss` is quartered
    and the export made anew, twice at most. What the last one lost is in the certificate."""
    seed: int = Field(0, ge=0)
    """Seed of drawing the calibration texts."""
    data: DataConfig = DataConfig()
    """How `path` is read."""
    split: SplitConfig = SplitConfig()
    """How `path` is divided into train, dev and test."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """How dev is judged."""
    keep_large_blocks: bool = True
    """Tell glibc to keep freed blocks instead of returning them to the kernel (Linux with glibc only)."""
