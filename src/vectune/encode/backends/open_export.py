"""An exported folder as an encoder, in the runtime that its manifest names."""

from __future__ import annotations

from pathlib import Path

from vectune.config.vectors import EncodePrecision
from vectune.encode.backends.graph_encoder import GraphEncoder, Session
from vectune.encode.backends.static import TableEncoder
from vectune.encode.encoder import Encoder
from vectune.encode.export.manifest import read_manifest


def open_export(
    folder: Path,
    name: str,
    *,
    precision: EncodePrecision = "auto",
    max_tokens: int | None = None,
    trust_remote_code: bool = False,
) -> Encoder:
    """The model in `folder`, ready to encode; ModelError when its files or its runtime are missing.

    `precision` is that of the arithmetic around int8 products too. onnxruntime has fp32 alone on a CPU. Only weights
    (safetensors) can have Python code of their own, which runs with `trust_remote_code`.
    """
    manifest = read_manifest(folder)
    if manifest.runtime == "static":
        return TableEncoder(folder, name, max_tokens)
    if manifest.runtime == "torch":
        from vectune.encode.loading import load_encoder

        return load_encoder(
            str(folder), precision=precision, max_tokens=max_tokens, trust_remote_code=trust_remote_code
        )
    session: Session
    if manifest.runtime == "openvino":
        from vectune.encode.backends.openvino import OpenvinoSession

        session = OpenvinoSession(folder, manifest, precision)
    else:
        from vectune.encode.backends.onnx import OnnxSession

        session = OnnxSession(folder, manifest)
    return GraphEncoder(folder, manifest, session, name, max_tokens)
