"""An export that is measured before anybody uses it; int8 is made truer until it has lost little enough."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vectune.config import ExportConfig
from vectune.config.export import ExportFormat
from vectune.encode.encoder import Encoder
from vectune.encode.export.folder import library_versions, write_export
from vectune.encode.export.int8 import Calibration
from vectune.encode.export.manifest import PARITY_FILE, Manifest, write_manifest
from vectune.encode.export.sensitivity import Sensitivity
from vectune.encode.open_encoder import Opening, open_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.monitor.progress import Progress
from vectune.records import Dataset, Retrieval, Splits
from vectune.store.atomic import write_text
from vectune.workflows.export_data import parity_data
from vectune.workflows.parity import Parity, Remembering, measure_parity
from vectune.workflows.run_files import fingerprint_of

_ATTEMPTS = 3
_TRUER = 4  # a quarter of the loss of cosine is half of the error


class Subject:
    """What is exported: a model, the folder it came from if any, and for int8 what it is calibrated on.

    What the layers lose in int8 is measured once, however often the model is written.
    """

    def __init__(self, encoder: SentenceEncoder, source: Path | None, calibration: Calibration | None) -> None:
        self._encoder = encoder
        self._source = source
        self._calibration = calibration
        self._sensitivity: Sensitivity | None = None
        self._predicted = float("inf")

    @property
    def can_be_truer(self) -> bool:
        """Whether there is anything to be given back: int8 has it, until all is in floating point."""
        return self._calibration is not None and self._predicted > 0

    def be_truer(self) -> None:
        """Let int8 cost less from now on than is allowed and than it was predicted to cost."""
        if self._calibration is not None:
            least = min(self._calibration.most_loss, self._predicted)
            self._calibration = replace(self._calibration, most_loss=least / _TRUER)

    def write(self, folder: Path, form: ExportFormat) -> Manifest:
        """Fill `folder`; what was in it goes."""
        for entry in folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        found = self._calibration
        if found is not None and self._sensitivity is None:
            self._sensitivity = Sensitivity(self._encoder, found.token_ids, found.smoothing)
        manifest = write_export(self._encoder, self._source, folder, form, found, self._sensitivity)
        self._predicted = float((manifest.calibration or {}).get("predicted_loss", 0.0))
        return manifest


@dataclass(frozen=True)
class Measuring:
    """What the export is measured on: the data, what it is called, and where progress is shown."""

    splits: Splits
    named: str
    progress: Progress


def write_certified(subject: Subject, folder: Path, config: ExportConfig, measuring: Measuring) -> Parity:
    """Fill `folder` with the export and the certificate of what it lost: the folder is judged as it will be used,
    against the model in fp32, both with the adapter if there is one."""
    progress = measuring.progress
    opening = Opening(backend="torch", precision="fp32", trust_remote_code=config.trust_remote_code)
    trained = Remembering(open_encoder(config.model, opening, progress))
    data = parity_data(config, measuring.splits)
    for attempt in range(1, _ATTEMPTS + 1):
        progress.stage("export")
        manifest = subject.write(folder, config.format)
        exported = open_encoder(str(folder), Opening(trust_remote_code=config.trust_remote_code), progress)
        parity = measure_parity(trained, exported, data, progress)
        if not (attempt < _ATTEMPTS and subject.can_be_truer and parity.loss > config.int8_score_loss):
            break
        progress.note(
            f"int8 lost {parity.loss:.4f} of {parity.measure} on dev, more than {config.int8_score_loss}: "
            "made anew with more in floating point"
        )
        subject.be_truer()
    cosine = _int8_loss(manifest, parity, config.int8_loss)
    if cosine and not cosine["kept"]:
        progress.note(f"int8 cost {cosine['measured']:.6f} of cosine on dev, more than int8_loss = {config.int8_loss}")
    content = {
        **parity.as_json(),
        "of": _size(measuring.splits.dev),
        "attempts": attempt,
        "data": measuring.named,
        "fingerprint": fingerprint_of(measuring.splits),
        "format": config.format,
        "model": manifest.model,
        "revision": manifest.revision,
        "precision": _precision(exported),
        "versions": library_versions(),
        **({"int8_loss": cosine} if cosine else {}),
    }
    write_text(folder / PARITY_FILE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    write_manifest(replace(manifest, certified=True), folder)
    return parity


def _int8_loss(manifest: Manifest, parity: Parity, allowed: float) -> dict[str, Any] | None:
    """What int8 was allowed to cost of cosine, what its plan foretold on texts of train, and what dev says, of which
    every text was compared already; None for other formats."""
    if manifest.calibration is None or parity.cosine_mean is None:
        return None
    measured = max(1 - parity.cosine_mean, 0.0)  # rounding may put a cosine over 1
    predicted = manifest.calibration["predicted_loss"]
    return {"allowed": allowed, "predicted": predicted, "measured": measured, "kept": measured <= allowed}


def _size(dev: Dataset) -> dict[str, int]:
    """All of dev, of which no more was judged than the settings allow."""
    documents = {"documents": len(dev.corpus)} if isinstance(dev, Retrieval) else {}
    return {"units": len(dev), **documents}


def _precision(exported: Encoder) -> str:
    """The arithmetic that the export was measured in, which is that of this machine."""
    return str(getattr(getattr(exported, "base", exported), "precision", "fp32"))
