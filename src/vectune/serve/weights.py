"""How much memory a model will take, told from its files before it is loaded."""

from __future__ import annotations

from pathlib import Path

from vectune.encode.resolve import resolve_model
from vectune.errors import ModelError

_WEIGHTS = (".safetensors", ".bin", ".onnx")


def weights_bytes(name: str) -> int:
    """Bytes of the weights of the model called `name`; 0 for a model behind an endpoint, or not on this machine yet."""
    try:
        folder = Path(resolve_model(name).location)
    except ModelError:
        return 0
    if not folder.is_dir():
        return 0
    return sum(file.stat().st_size for file in folder.rglob("*") if file.suffix in _WEIGHTS)
