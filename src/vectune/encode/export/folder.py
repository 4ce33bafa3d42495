"""One folder for one format: graph or weights, tokenizer, adapter if there is one, and the manifest."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vectune.config.export import ExportFormat
from vectune.encode.adapted import ADAPTER_FILE
from vectune.encode.adapted import MANIFEST_FILE as ADAPTER_MANIFEST
from vectune.encode.custom_code import copy_code, custom_code
from vectune.encode.export.int8 import Calibration, quantise_onnx, quantise_openvino
from vectune.encode.export.int8_linear import in_place
from vectune.encode.export.manifest import TOKENIZER_FILE, Manifest, Runtime, write_manifest
from vectune.encode.export.onnx_graph import refuse_too_large_for_int8, write_onnx
from vectune.encode.export.openvino_graph import write_openvino
from vectune.encode.export.sensitivity import Sensitivity
from vectune.encode.loading import save_model
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.space import SPACE_FILE, read_space, space_of, write_space
from vectune.encode.static_encoder import StaticEncoder
from vectune.errors import ModelError
from vectune.records import Role

_LIBRARIES = (
    "vectune", "torch", "transformers", "sentence-transformers", "tokenizers",
    "openvino", "nncf", "onnx", "onnxscript", "onnxruntime",
)  # fmt: skip


@dataclass(frozen=True)
class _Way:
    """How a format is made: what runs it, what writes it, what makes it int8, and the arithmetic of its weights."""

    runtime: Runtime
    write: Callable[[SentenceEncoder, Path], str]
    quantise: Callable[[Path, Calibration, Collection[str]], None] | None
    arithmetic: str


def _write_weights(encoder: SentenceEncoder, folder: Path) -> str:
    save_model(encoder.model, folder)
    return ""


def _write_table(encoder: SentenceEncoder, folder: Path) -> str:
    if not isinstance(encoder, StaticEncoder):
        raise ModelError(f"{encoder.name} is no token table.", "Distil it first: vectune tune --method static.")
    return _write_weights(encoder, folder)


_WAYS: Mapping[ExportFormat, _Way] = {
    "openvino": _Way("openvino", write_openvino, None, "fp16"),
    "openvino-int8": _Way("openvino", write_openvino, quantise_openvino, "int8"),
    "onnx": _Way("onnx", write_onnx, None, "fp32"),
    "onnx-int8": _Way("onnx", write_onnx, quantise_onnx, "int8"),
    "static": _Way("static", _write_table, None, "fp32"),
    "safetensors": _Way("torch", _write_weights, None, "fp32"),
}


def needs_calibration(form: ExportFormat) -> bool:
    """Whether the format takes ranges from texts."""
    return _WAYS[form].quantise is not None


def refuse_format(encoder: SentenceEncoder, form: ExportFormat) -> None:
    """Raise ModelError for a model that does not fit `form`, as far as that is known before the work."""
    if form == "onnx-int8":
        refuse_too_large_for_int8(encoder)


def write_export(
    encoder: SentenceEncoder,
    source: Path | None,
    folder: Path,
    form: ExportFormat,
    calibration: Calibration | None = None,
    sensitivity: Sensitivity | None = None,
) -> Manifest:
    """Fill the empty `folder` with `encoder` in the format `form`, and give back its manifest.

    `source` is the folder that the encoder was loaded from: an adapter and the space are taken along from there. It is
    None for an encoder that was made just now, which only formats with weights take. int8 formats need `calibration`,
    and measure `sensitivity` on it where the caller has not.
    Raises ModelError when the model does not fit the format.
    """
    refuse_format(encoder, form)
    way = _WAYS[form]
    told: dict[str, Any] | None = None
    if way.quantise is None:
        file = way.write(encoder, folder)
    elif calibration is None:
        raise ModelError(f"{form} needs texts to be calibrated on.", "Give training data with --data.")
    else:
        measured = sensitivity or Sensitivity(encoder, calibration.token_ids, calibration.smoothing)
        plan = measured.plan(calibration.most_loss)
        with in_place(encoder.model, measured.layers(calibration.most_loss)):
            file = way.write(encoder, folder)
        way.quantise(folder / file, calibration, plan.in_floating_point)
        told = {
            "texts": len(calibration.token_ids), "smoothing": calibration.smoothing,
            "most_loss": calibration.most_loss, "predicted_loss": plan.predicted, "kept": list(plan.kept),
            "split": {name: list(channels) for name, channels in plan.split.items()},
        }  # fmt: skip
    if file:
        encoder.model.tokenizer.save_pretrained(str(folder))
        if not (folder / TOKENIZER_FILE).is_file():
            raise ModelError(f"{encoder.name} has no tokenizer.json.", "Export it as safetensors.")
    if source is not None:
        _take_along(source, folder)
        if custom_code(folder):
            copy_code(source, folder)
    if not file and not (folder / SPACE_FILE).is_file():
        write_space(space_of(encoder, folder), folder)
    manifest = _manifest(encoder, source or folder, form, file)
    adapter = ADAPTER_FILE if file and (folder / ADAPTER_FILE).is_file() else ""
    manifest = replace(manifest, calibration=told, query_adapter=adapter)
    write_manifest(manifest, folder)
    return manifest


def _take_along(source: Path, folder: Path) -> None:
    for name in (ADAPTER_FILE, ADAPTER_MANIFEST, SPACE_FILE):
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)


def _manifest(encoder: SentenceEncoder, source: Path, form: ExportFormat, file: str) -> Manifest:
    way = _WAYS[form]
    tokenizer = encoder.model.tokenizer
    space = read_space(source) if (source / SPACE_FILE).is_file() else space_of(encoder, source)
    return Manifest(
        format=form,
        runtime=way.runtime,
        file=file,
        model=encoder.name,
        revision=space.revision,
        dim=encoder.dim,
        dims=tuple(sorted({encoder.dim, *space.dims}, reverse=True)),
        max_tokens=encoder.max_tokens,
        pooling=space.pooling,
        query_prompt=encoder.prompt(Role.QUERY),
        document_prompt=encoder.prompt(Role.DOCUMENT),
        pad_id=int(getattr(tokenizer, "pad_token_id", 0) or 0),
        truncation_side="left" if getattr(tokenizer, "truncation_side", "right") == "left" else "right",
        lower_case=bool(getattr(encoder.model[0], "do_lower_case", False)),
        arithmetic=way.arithmetic,
        versions=library_versions(),
    )


def library_versions() -> dict[str, str]:
    """The versions of what makes and runs exports, of those that are installed."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
