"""A model as an OpenVINO graph: weights kept in fp16, which loses nothing that bf16 arithmetic would keep."""

from __future__ import annotations

from pathlib import Path

from vectune.encode.export.graph import example_inputs, refuse_unfit, tracing
from vectune.encode.export.manifest import INPUTS, OUTPUT
from vectune.encode.export.openvino_library import load_openvino
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import ModelError

OPENVINO_FILE = "model.xml"


def write_openvino(encoder: SentenceEncoder, folder: Path) -> str:
    """Write model.xml and model.bin to `folder`; the name of the graph's file. ModelError when it can't be traced."""
    refuse_unfit(encoder)
    openvino = load_openvino()
    any_shape = [-1, -1]
    try:
        with tracing(encoder) as graph:
            model = openvino.convert_model(
                graph,
                example_input=dict(zip(INPUTS, example_inputs(encoder), strict=True)),
                input=[(name, any_shape, openvino.Type.i64) for name in INPUTS],
            )
        model.outputs[0].tensor.set_names({OUTPUT})
        openvino.save_model(model, folder / OPENVINO_FILE, compress_to_fp16=True)
    except OSError:
        raise
    except Exception as error:
        what = f"{encoder.name} can't be made an OpenVINO graph"
        raise ModelError.because(what, error, "Use --backend torch or another format.") from error
    return OPENVINO_FILE
