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


def write_onnx(encoder: SentenceEncoder, folder: Path) -> str:
    """Write model.onnx to `folder` (and its weights beside it, if large); the file's name.

    Raises ModelError when the exporter is not installed or the model can't be traced.
    """
    refuse_unfit(encoder)
    batch, tokens = torch.export.Dim("texts"), torch.export.Dim("tokens", min=2, max=max(encoder.max_tokens, 3))
    weights = sum(value.numel() * value.element_size() for value in encoder.model.parameters())
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
                external_data=weights > _LARGEST_FILE,
                dynamo=True,
                verbose=False,
            )
    except ImportError as error:
        raise ModelError("The ONNX exporter is not installed.", "pip install 'vectune[cpu]'.") from error
    except OSError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"{encoder.name} can't be made an ONNX graph: {reason}", "Use --backend torch or another format."
        ) from error
    finally:
        quiet.setLevel(level)
    return ONNX_FILE
