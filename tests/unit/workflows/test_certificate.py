"""The certificate holds what was measured on the folder that stands; int8 that lost too much is made anew."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.fakes.tiny_model import save_tiny_model
from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from vectune.config import ExportConfig
from vectune.config.export import ExportFormat
from vectune.encode.export.folder import write_export
from vectune.encode.export.int8 import Calibration
from vectune.encode.export.manifest import PARITY_FILE, Manifest, read_manifest
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.monitor.progress import Silent
from vectune.records import Retrieval
from vectune.workflows.certificate import Measuring, Subject, write_certified
from vectune.workflows.export_data import export_splits

_CALIBRATION = Calibration([[2, 3]] * 8, 0.5, 0.01)


class Notes(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        """Keep it."""
        self.notes.append(message)


class Damaged(Subject):
    """A model whose first `bad` exports have lost their attention to words: every word has nearly the same vector."""

    def __init__(self, encoder: SentenceEncoder, source: Path, calibration: Calibration | None, bad: int) -> None:
        super().__init__(encoder, source, calibration)
        self._good, self._source_folder = encoder, source
        self.bad = bad
        self.written: list[float] = []

    def write(self, folder: Path, form: ExportFormat) -> Manifest:
        """The model, or what is left of it."""
        super().write(folder, form)
        self.written.append(self._calibration.most_loss if self._calibration else 0.0)
        self._predicted = self.written[-1] / 2  # as the plan of an int8 export would say
        told = {"predicted_loss": self._predicted} if self._calibration else None
        if len(self.written) > self.bad:
            return replace(read_manifest(folder), calibration=told)
        for entry in sorted(folder.rglob("*"), reverse=True):
            entry.rmdir() if entry.is_dir() else entry.unlink()
        poor = load_encoder(str(self._source_folder), precision="fp32")
        with torch.no_grad():
            words = poor.model.get_submodule("0.model.embeddings.word_embeddings").weight
            words.copy_(words.mean(0) + words * 1e-3)  # type: ignore[operator, union-attr, arg-type]
        return replace(write_export(poor, self._source_folder, folder, form), calibration=told)


@pytest.fixture
def place(tmp_path: Path) -> tuple[ExportConfig, SentenceEncoder, Path]:
    """Settings for a tiny model and pairs, the model itself, and an empty folder."""
    model = save_tiny_model(tmp_path / "model")
    data = write_jsonl(tmp_path / "pairs.jsonl", overlapping_pairs(80))
    folder = tmp_path / "export"
    folder.mkdir()
    config = ExportConfig(model=str(model), format="safetensors", out=folder, path=str(data))
    return config, load_encoder(str(model), precision="fp32"), folder


@pytest.mark.parametrize(("bad", "attempts"), [(0, 1), (1, 2), (9, 3)])
def test_int8_is_made_truer_until_it_has_lost_little_enough(
    place: tuple[ExportConfig, SentenceEncoder, Path], bad: int, attempts: int
) -> None:
    """Each attempt may lose a quarter of what the one before was predicted to lose; the third is the last, and its
    loss is told as it is."""
    config, encoder, folder = place
    progress = Notes()
    named, splits = export_splits(config, encoder, encoder.max_tokens, progress)
    subject = Damaged(encoder, Path(config.model), _CALIBRATION, bad)
    progress.notes.clear()
    parity = write_certified(subject, folder, config, Measuring(splits, named, progress))
    assert subject.written == [0.01 / 8**n for n in range(attempts)]
    assert len([note for note in progress.notes if "ndcg@10" in note]) == attempts - 1
    assert (parity.loss > 0.005) == (bad == 9)
    told = json.loads((folder / PARITY_FILE).read_text())
    assert told["attempts"] == attempts
    assert told["dims"][str(encoder.dim)]["loss"] == parity.loss
    assert read_manifest(folder).certified


@pytest.mark.parametrize(("bad", "kept"), [(0, True), (9, False)])
def test_the_certificate_says_whether_the_loss_of_cosine_was_kept(
    place: tuple[ExportConfig, SentenceEncoder, Path], bad: int, kept: bool
) -> None:
    """What was allowed, foretold by the plan, and found on dev stand side by side; a note says that it was more."""
    config, encoder, folder = place
    progress = Notes()
    named, splits = export_splits(config, encoder, encoder.max_tokens, progress)
    subject = Damaged(encoder, Path(config.model), _CALIBRATION, bad)
    progress.notes.clear()
    parity = write_certified(subject, folder, config, Measuring(splits, named, progress))
    assert parity.cosine_mean is not None
    told = json.loads((folder / PARITY_FILE).read_text())["int8_loss"]
    assert told == {
        "allowed": config.int8_loss, "predicted": subject.written[-1] / 2,
        "measured": max(1 - parity.cosine_mean, 0.0), "kept": kept,
    }  # fmt: skip
    assert len([note for note in progress.notes if "of cosine on dev" in note]) == (not kept)


def test_what_can_not_be_truer_is_made_once(place: tuple[ExportConfig, SentenceEncoder, Path]) -> None:
    """Other formats have nothing to give back, whatever they lost."""
    config, encoder, folder = place
    named, splits = export_splits(config, encoder, encoder.max_tokens, Silent())
    subject = Damaged(encoder, Path(config.model), None, bad=1)
    parity = write_certified(subject, folder, config, Measuring(splits, named, Silent()))
    assert subject.written == [0.0]
    assert parity.loss > 0.005
    assert "int8_loss" not in json.loads((folder / PARITY_FILE).read_text())


def test_the_certificate_says_what_dev_it_was_cut_from(place: tuple[ExportConfig, SentenceEncoder, Path]) -> None:
    """Queries and documents that were judged, and all that there are."""
    config, encoder, folder = place
    config = config.model_copy(update={"queries": 5, "documents": 10})
    named, splits = export_splits(config, encoder, encoder.max_tokens, Silent())
    write_certified(Subject(encoder, Path(config.model), None), folder, config, Measuring(splits, named, Silent()))
    told = json.loads((folder / PARITY_FILE).read_text())
    assert isinstance(splits.dev, Retrieval)
    assert told["of"] == {"units": len(splits.dev.queries), "documents": len(splits.dev.corpus)}
    assert len(splits.dev.queries) > 5
    assert (told["units"], told["documents"], told["attempts"]) == (5, 10, 1)


def test_a_folder_is_emptied_before_it_is_written_again(
    place: tuple[ExportConfig, SentenceEncoder, Path],
) -> None:
    """Nothing of an attempt before is left beside the new one."""
    config, encoder, folder = place
    subject = Subject(encoder, Path(config.model), None)
    subject.write(folder, "safetensors")
    before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    (folder / "old").mkdir()
    (folder / "old" / "left.bin").write_bytes(b"x")
    subject.write(folder, "safetensors")
    assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before
