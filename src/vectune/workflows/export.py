"""`vectune export`: a model as a folder for another runtime, with a certificate of what that cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vectune.config import ExportConfig, TrainConfig
from vectune.encode.allocator import keep_large_blocks
from vectune.encode.export.folder import needs_calibration, refuse_format
from vectune.encode.export.int8 import Calibration
from vectune.encode.export.manifest import is_export
from vectune.encode.loading import load_encoder
from vectune.encode.resolve import resolve_model
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.static_encoder import StaticEncoder
from vectune.errors import ConfigError, ModelError, UsageError
from vectune.monitor.progress import Progress
from vectune.records import Role, Splits
from vectune.store.atomic import folder_aside, refuse_occupied
from vectune.train.distil_static import TableShape, distil
from vectune.workflows.certificate import Measuring, Subject, write_certified
from vectune.workflows.export_data import calibration_texts, export_splits, needs_texts, run_config
from vectune.workflows.parity import Parity


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
    format, ConfigError for `config.dims` that it does not have.
    """
    refuse_occupied(config.out)
    if config.keep_large_blocks:
        keep_large_blocks()
    progress.stage("load model")
    encoder, source = _trained(config)
    refuse_format(encoder, config.format)
    named, splits = "", None
    if config.certificate or needs_texts(config, encoder):
        named, splits = export_splits(config, encoder, encoder.max_tokens, progress)
    distils = config.format == "static" and not isinstance(encoder, StaticEncoder)
    made = _distilled(encoder, splits, config, progress) if distils and splits else encoder
    _refuse_dims(config, made.dim)
    subject = Subject(made, source if made is encoder else None, _calibration(encoder, splits, config))
    with folder_aside(config.out) as folder:
        parity = None
        if config.certificate:
            assert splits is not None
            parity = write_certified(subject, folder, config, Measuring(splits, named, progress))
        else:
            progress.stage("export")
            subject.write(folder, config.format)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return ExportReport(config.out, config.format, size / 1e6, parity)


def _refuse_dims(config: ExportConfig, dim: int) -> None:
    """Raise ConfigError where the certificate is asked for a size that the vectors do not have."""
    largest = max(config.dims, default=0)
    if largest > dim:
        raise ConfigError(
            f"--dims asks for {largest}, the vectors of {config.model} as {config.format} have {dim} values.",
            f"Choose from 1 to {dim}.",
        )


def _trained(config: ExportConfig) -> tuple[SentenceEncoder, Path]:
    """The model in fp32, without its adapter if it has one, and the folder it was loaded from."""
    source = Path(resolve_model(config.model).location)
    if is_export(source):
        raise UsageError(f"{config.model} is an export already.", "Name the model that it was made of.")
    encoder = load_encoder(config.model, precision="fp32", trust_remote_code=config.trust_remote_code)
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
