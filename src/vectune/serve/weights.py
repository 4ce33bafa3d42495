"""How much memory a model will take, told from its files before it is loaded."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from vectune.encode.export.manifest import is_export, read_manifest
from vectune.encode.module_weights import weights_files
from vectune.encode.resolve import resolve_model
from vectune.errors import ModelError

_HELD = {"BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "U32": 4, "I32": 4, "U64": 8, "I64": 8}
"""Bytes of a value by its name in safetensors, where that is no floating-point number."""
_FLOAT_BYTES = 4
_LENGTH_BYTES = 8


def weights_bytes(name: str) -> int:
    """Bytes that the weights of the model called `name` take in memory, about; 0 for a model behind an endpoint, or not
    on this machine yet.

    Those that are loaded count, and no other format that lies beside them: floating-point weights four bytes each,
    whatever they were saved in, since torch holds them in fp32 (a graph takes as much with its file, which is mapped
    into memory); those of an exported graph as many as its files have.
    """
    try:
        folder = Path(resolve_model(name).location)
        if not folder.is_dir():
            return 0
        graph = read_manifest(folder).file if is_export(folder) else ""
    except ModelError:
        return 0
    if graph:
        return sum(file.stat().st_size for file in folder.glob(f"{Path(graph).stem}.*"))
    return sum(map(held_bytes, weights_files(folder)))


def held_bytes(file: Path) -> int:
    """Bytes in memory of the tensors of a safetensors file, told from its header; its size where that is damaged."""
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
            header = json.loads(stream.read(min(length, file.stat().st_size)))
        return sum(_tensor_bytes(entry) for key, entry in header.items() if key != "__metadata__")
    except (ValueError, AttributeError, KeyError, TypeError):
        return file.stat().st_size


def _tensor_bytes(entry: dict[str, Any]) -> int:
    shape: list[int] = entry["shape"]
    return math.prod(shape) * _HELD.get(entry["dtype"], _FLOAT_BYTES)
