"""`vectune export`: a model as a folder for another runtime, with a certificate of what that cost."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vectune.config import ExportConfig, TrainConfig
from vectune.encode.allocator import keep_large_blocks
from vectune.encode.encoder import Encoder
from vectune.encode.export.folder import library_versions, needs_calibration, write_export
from vectune.encode.export.int8 import Calibration
from vectune.encode.export.manifest import PARITY_FILE, is_export, write_manifest
from vectune.encode.loading import load_encoder
from vectune.encode.open_encoder import Opening, open_encoder
from vectune.encode.resolve import resolve_model
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.static_encoder import StaticEncoder
from vectune.errors import ModelError, UsageError
from vectune.monitor.progress import Progress
from vectune.records import Role, Splits
from vectune.store.atomic import folder_aside, refuse_occupied, write_text
from vectune.train.distil_static import TableShape, distil
from vectune.workflows.export_data import calibration_texts, export_splits, parity_data, run_config
from vectune.workflows.parity import Parity, measure_parity
from vectune.workflows.run_files import fingerprint_of


@dataclass(frozen=True)
class ExportReport:
    """The folder that was made and what it lost; `parity` is None where nothing was measured."""

    folder: Path
    format: str
    megabytes: float
    parity: Parity | None

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "folder": str(self.folder),
            "format": self.format,
            "megabytes": round(self.megabytes, 1),
            "parity": self.parity.as_json() if self.parity else None,
        }


def export(config: ExportConfig, progress: Progress) -> ExportReport:
    """Write `config.model` to `config.out` in `config.format`; the folder stands wholly or not at all.

    The certificate compares the export, opened as anybody would open it, with the model in fp32 torch. int8 takes its
    ranges from train. Raises UsageError when there is no data for either, ModelError when the model does not fit the
    format.
    """
    refuse_occupied(config.out)
    keep_large_blocks()
    progress.stage("load model")
    encoder, source = _trained(config)
    static = config.format == "static" and not isinstance(encoder, StaticEncoder)
    named, splits = "", None
    if config.certificate or needs_calibration(config.format) or static:
        named, splits = export_splits(config, encoder, encoder.max_tokens, progress)
    made = _distilled(encoder, splits, config, progress) if static and splits else encoder
    with folder_aside(config.out) as folder:
        progress.stage("export")
        origin = source if made is encoder else None
        manifest = write_export(made, origin, folder, config.format, _calibration(encoder, splits, config))
        parity = None
        if config.certificate:
            assert splits is not None
            parity, precision = _certify(folder, config, splits, progress)
            content = {
                **parity.as_json(),
                "data": named,
                "fingerprint": fingerprint_of(splits),
                "format": config.format,
                "model": manifest.model,
                "revision": manifest.revision,
                "precision": precision,
                "versions": library_versions(),
            }
            write_text(folder / PARITY_FILE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
            write_manifest(replace(manifest, certified=True), folder)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return ExportReport(config.out, config.format, size / 1e6, parity)


def _trained(config: ExportConfig) -> tuple[SentenceEncoder, Path]:
    """The model in fp32, without its adapter if it has one, and the folder it was loaded from."""
    source = Path(resolve_model(config.model).location)
    if is_export(source):
        raise UsageError(f"{config.model} is an export already.", "Name the model that it was made of.")
    encoder = load_encoder(config.model, precision="fp32")
    if not source.is_dir():
        source = Path(resolve_model(config.model).location)
    return encoder, source


def _distilled(encoder: SentenceEncoder, splits: Splits, config: ExportConfig, progress: Progress) -> StaticEncoder:
    """A token table of the model, in the shape that `tune --method static` starts from."""
    run = run_config(config.model)
    shape = run.train if run else TrainConfig()
    texts = [text for _, text in calibration_texts(splits, 1_000_000, config.seed)]
    if not encoder.trainable:
        raise ModelError(f"{config.model} has no transformer to distil.", "Choose a transformer model.")
    size = TableShape(shape.static_dim, shape.static_words, shape.static_sif, shape.static_whitening)
    return distil(encoder, texts, size, progress)


def _calibration(encoder: SentenceEncoder, splits: Splits | None, config: ExportConfig) -> Calibration | None:
    if splits is None or not needs_calibration(config.format):
        return None
    texts = calibration_texts(splits, config.calibration_texts, config.seed)
    ids: list[list[int]] = []
    for role in Role:
        tokens = encoder.tokenize([text for found, text in texts if found is role], role)
        ids += [
            tokens.ids[start:stop].tolist() for start, stop in zip(tokens.offsets, tokens.offsets[1:], strict=False)
        ]
    return Calibration(ids, config.smoothing, config.int8_loss)


def _certify(folder: Path, config: ExportConfig, splits: Splits, progress: Progress) -> tuple[Parity, str]:
    """Judge the folder as it will be used against the model in fp32, both with the adapter if there is one.

    Also the arithmetic that the export was measured in, which is that of this machine.
    """
    trained: Encoder = open_encoder(config.model, Opening(backend="torch", precision="fp32"), progress)
    exported = open_encoder(str(folder), progress=progress)
    precision = getattr(getattr(exported, "base", exported), "precision", "fp32")
    return measure_parity(trained, exported, parity_data(config, splits), progress), str(precision)
