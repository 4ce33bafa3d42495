"""What an exported folder says about itself: all that is needed to use it, in one JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from vectune.errors import ModelError

MANIFEST_FILE = "vectune_export.json"
PARITY_FILE = "parity.json"
TOKENIZER_FILE = "tokenizer.json"
INPUTS = ("input_ids", "attention_mask")
OUTPUT = "sentence_embedding"
_FORMAT = 1

Runtime = Literal["openvino", "onnx", "static", "torch"]


@dataclass(frozen=True)
class Manifest:
    """How to turn a text into a vector with the folder's files.

    Put the role's prompt before the text, cut its tokens at `max_tokens` (special tokens included), pad a batch with
    `pad_id`, and give the graph in `file` two int64 arrays [texts, tokens] named as `inputs`: it returns `output`,
    float32 [texts, dim], pooled and of L2 norm 1. `file` is empty for `torch`, where sentence-transformers loads the
    folder. `query_adapter` is the safetensors file of a map that vectors q of queries still go through, those of
    documents not: q + up @ (down @ q), scaled to L2 norm 1 again; empty where there is none. `arithmetic` is that of
    the weights.
    """

    format: str
    runtime: Runtime
    file: str
    model: str
    revision: str
    dim: int
    dims: tuple[int, ...]
    max_tokens: int
    pooling: str
    query_prompt: str
    document_prompt: str
    pad_id: int
    truncation_side: Literal["left", "right"]
    lower_case: bool
    arithmetic: str
    versions: Mapping[str, str]
    query_adapter: str = ""
    calibration: Mapping[str, Any] | None = None
    certified: bool = False
    inputs: tuple[str, ...] = INPUTS
    output: str = OUTPUT
    normalised: bool = True


def is_export(folder: Path) -> bool:
    """Whether `folder` is one that vectune exported."""
    return (folder / MANIFEST_FILE).is_file()


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Leave the manifest in `folder`."""
    content = {"vectune_export": _FORMAT, **asdict(manifest)}
    (folder / MANIFEST_FILE).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of `folder`; ModelError when it is damaged or of a later version."""
    file = folder / MANIFEST_FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        number = content.pop("vectune_export")
        known = {field.name for field in fields(Manifest)}
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in content.items() if key in known
        }
        manifest = Manifest(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError.because(f"{file} can't be read", error, "Export the model again.") from error
    if number != _FORMAT:
        raise ModelError(f"{file} has the version {number}, this vectune reads {_FORMAT}.", "Export the model again.")
    if manifest.file and (Path(manifest.file).name != manifest.file or not (folder / manifest.file).is_file()):
        raise ModelError(f"{folder} lacks its graph {manifest.file}.", "Export the model again.")
    return manifest
