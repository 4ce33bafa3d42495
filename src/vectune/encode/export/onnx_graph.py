"""A model as an ONNX graph, by torch's own exporter."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from vectune.encode.export.graph import example_inputs, refuse_unfit, tracing
from vectune.encode.export.manifest import INPUTS, OUTPUT
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import ModelError

ONNX_FILE = "model.onnx"
_LARGEST_FILE = 1_900_000_000
"""Bytes of weights that one file holds; protobuf takes 2 GiB."""


def fits_one_file(encoder: SentenceEncoder) -> bool:
    """Whether the weights in fp32 fit the graph's own file; else they are written beside it."""
    return sum(value.numel() * value.element_size() for value in encoder.model.parameters()) <= _LARGEST_FILE


def refuse_too_large_for_int8(encoder: SentenceEncoder) -> None:
    """Raise ModelError for a model whose graph is more than one file, which can't be made int8."""
    if not fits_one_file(encoder):
        raise ModelError(
            f"{encoder.name} has more weights than one ONNX file of 2 GB holds, and int8 is made in one.",
            "Use --format openvino-int8, or onnx.",
        )


def write_onnx(encoder: SentenceEncoder, folder: Path) -> str:
    """Write model.onnx to `folder` (and its weights beside it, if large); the file's name.

    Raises ModelError when the exporter is not installed or the model can't be traced.
    """
    refuse_unfit(encoder)
    batch, tokens = torch.export.Dim("texts"), torch.export.Dim("tokens", min=2, max=max(encoder.max_tokens, 3))
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with tracing(encoder) as graph:
            torch.onnx.export(
                graph,
                example_inputs(encoder),
                str(folder / ONNX_FILE),
                input_names=list(INPUTS),
                output_names=[OUTPUT],
                dynamic_shapes={name: {0: batch, 1: tokens} for name in INPUTS},
                external_data=not fits_one_file(encoder),
                dynamo=True,
                verbose=False,
            )
    except ImportError as error:
        raise ModelError("The ONNX exporter is not installed.", "pip install 'vectune[cpu]'.") from error
    except OSError:
        raise
    except Exception as error:
        what = f"{encoder.name} can't be made an ONNX graph"
        raise ModelError.because(what, error, "Use --backend torch or another format.") from error
    finally:
        quiet.setLevel(level)
    return ONNX_FILE
