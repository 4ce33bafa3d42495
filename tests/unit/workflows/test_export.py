"""`export` leaves a whole folder with a certificate that was measured, or none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.tiny_model import save_tiny_model
from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from vectune.config import ExportConfig, TrainConfig, TuneConfig
from vectune.encode.backends.static import is_token_table
from vectune.encode.export.manifest import PARITY_FILE, read_manifest
from vectune.errors import ConfigError, DataError, UsageError
from vectune.monitor.progress import Silent
from vectune.workflows.export import export
from vectune.workflows.tune import tune


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs that share words."""
    return write_jsonl(tmp_path_factory.mktemp("data") / "pairs.jsonl", overlapping_pairs(80))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A finished run of one epoch with two dimensions."""
    root = tmp_path_factory.mktemp("run")
    train = TrainConfig(epochs=1, dims=(32, 8), threads=1)
    config = TuneConfig(path=str(data), base=str(save_tiny_model(root / "model", prompts=True)), train=train)
    settings = config.model_copy(
        update={"out": root / "run", "evaluate": config.evaluate.model_copy(update={"general": False})}
    )
    return tune(settings).folder


def _export(model: Path, out: Path, form: str, **more: Any) -> dict[str, Any]:
    return export(ExportConfig(model=str(model), format=form, out=out, **more), Silent()).as_json()


def test_run_is_certified_on_its_own_dev_set(run: Path, tmp_path: Path) -> None:
    """parity.json says on what, and what was lost at each of the run's dimensions; the manifest says certified."""
    report = _export(run, tmp_path / "out", "openvino")
    told = json.loads((tmp_path / "out" / PARITY_FILE).read_text())
    assert list(told["dims"]) == ["32", "8"]
    assert told["cosine"]["min"] > 0.99
    assert told["fingerprint"] == json.loads((run / "data.json").read_text())["fingerprint"]
    assert told["precision"] in ("fp32", "bf16")
    assert report["parity"]["dims"] == told["dims"]
    manifest = read_manifest(tmp_path / "out")
    assert manifest.certified
    assert manifest.dims == (32, 8)


@pytest.mark.parametrize("form", ["onnx-int8", "static", "safetensors"])
def test_bare_model_is_certified_on_data_that_is_named(
    tiny_model_folder: Path, data: Path, tmp_path: Path, form: str
) -> None:
    """int8 is calibrated, a transformer is distilled into a table, weights are copied: each is measured."""
    report = _export(tiny_model_folder, tmp_path / "out", form, path=str(data), calibration_texts=20)
    assert report["parity"]["measure"] == "ndcg@10"
    assert report["megabytes"] >= 0
    assert read_manifest(tmp_path / "out").certified
    assert is_token_table(tmp_path / "out") == (form == "static")


def test_certificate_is_never_written_unmeasured(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Without data there is an error and no folder, or, if asked for, a folder that says it is uncertified."""
    with pytest.raises(UsageError, match="no dev set"):
        _export(tiny_model_folder, tmp_path / "out", "openvino")
    assert not list(tmp_path.iterdir())
    report = _export(tiny_model_folder, tmp_path / "out", "openvino", certificate=False)
    assert report["parity"] is None
    assert not (tmp_path / "out" / PARITY_FILE).exists()
    assert not read_manifest(tmp_path / "out").certified


@pytest.mark.parametrize("form", ["onnx", "static"])
def test_dims_that_the_export_lacks_are_refused(tiny_model_folder: Path, data: Path, tmp_path: Path, form: str) -> None:
    """Nothing is left out of a certificate in silence."""
    with pytest.raises(ConfigError, match="have 32 values"):
        _export(tiny_model_folder, tmp_path / "out", form, path=str(data), dims=(64, 8))
    assert not (tmp_path / "out").exists()


def test_export_of_an_export_is_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A graph has lost what another format would need."""
    _export(tiny_model_folder, tmp_path / "out", "onnx", certificate=False)
    with pytest.raises(UsageError, match="an export already"):
        _export(tmp_path / "out", tmp_path / "again", "openvino", certificate=False)


def test_data_that_changed_since_the_run_is_refused(run: Path, data: Path, tmp_path: Path) -> None:
    """A dev set with other rows could hold rows that were trained on."""
    before = data.read_text()
    try:
        write_jsonl(data, overlapping_pairs(90, seed=4))
        with pytest.raises(DataError, match="not what"):
            _export(run, tmp_path / "out", "openvino")
    finally:
        data.write_text(before)


def test_run_that_does_not_say_what_it_was_tuned_on_is_refused(run: Path, tmp_path: Path) -> None:
    """Without the fingerprint nobody knows whether the dev set holds rows that were trained on."""
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "data.json").unlink()
    with pytest.raises(DataError, match=r"no data\.json"):
        _export(tmp_path / "run", tmp_path / "out", "openvino")
