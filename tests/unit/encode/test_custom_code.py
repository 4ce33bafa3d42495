"""Code that a model brings runs when it is trusted and not before."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from tests.fakes.custom_model import save_custom_module, save_custom_transformer
from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from vectune.config import ExportConfig, TuneConfig
from vectune.encode.custom_code import copy_code, custom_code
from vectune.encode.loading import load_encoder
from vectune.errors import ModelError
from vectune.monitor.progress import Silent
from vectune.workflows.export import export
from vectune.workflows.tune import tune

BOTH = pytest.mark.parametrize("save", [save_custom_module, save_custom_transformer])
Save = Callable[[Path, Path], Path]


@pytest.fixture(autouse=True)
def _own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers copies code to a cache before it runs it: keep that in the test's folder."""
    import transformers.dynamic_module_utils as dynamic

    monkeypatch.setattr(dynamic, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))


@BOTH
def test_code_is_refused_unless_allowed(tmp_path: Path, save: Save) -> None:
    """Without trust the model is refused in a sentence with what to do, and none of its code has run."""
    mark = tmp_path / "mark"
    folder = save(tmp_path / "custom", mark)
    with pytest.raises(ModelError, match="brings Python code of its own") as refused:
        load_encoder(str(folder))
    assert "--trust-remote-code" in refused.value.hint
    assert not mark.exists()
    load_encoder(str(folder), trust_remote_code=True)
    assert mark.exists()


@BOTH
def test_tuned_model_brings_its_code_along(tmp_path: Path, save: Save) -> None:
    """A base with code is tuned, judged and saved; the saved model needs the base's folder no more."""
    folder = save(tmp_path / "custom", tmp_path / "mark")
    data = write_jsonl(tmp_path / "pairs.jsonl", overlapping_pairs(30))
    settings = {"path": str(data), "base": str(folder), "out": tmp_path / "run", "trust_remote_code": True}
    run = tune(TuneConfig.model_validate(settings | {"train": {"epochs": 1}, "evaluate": {"general": False}}))
    shutil.rmtree(folder)
    loaded = SentenceTransformer(str(run.model), device="cpu", trust_remote_code=True)
    again = load_encoder(str(run.model), precision="fp32", trust_remote_code=True)
    np.testing.assert_allclose(loaded.encode(["red1 dog2"]), again.encode(["red1 dog2"]), atol=1e-6)


@BOTH
def test_export_runs_code_when_allowed_alone(tmp_path: Path, save: Save) -> None:
    """`vectune export` refuses such a model too, and takes it, certificate and all, once it is trusted."""
    folder = save(tmp_path / "custom", tmp_path / "mark")
    data = write_jsonl(tmp_path / "pairs.jsonl", overlapping_pairs(60))
    config = ExportConfig(model=str(folder), format="safetensors", out=tmp_path / "out", path=str(data))
    with pytest.raises(ModelError, match="brings Python code of its own"):
        export(config, Silent())
    assert not (tmp_path / "out").exists()
    done = export(config.model_copy(update={"trust_remote_code": True}), Silent())
    assert done.parity is not None
    assert done.parity.cosine_min is not None
    assert done.parity.cosine_min > 0.99


def test_plain_model_names_no_code(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A model of the libraries' own classes, or a folder without any config, needs no trust."""
    assert custom_code(tiny_model_folder) == ""
    assert custom_code(tmp_path) == ""


def test_code_is_copied_once(tmp_path: Path) -> None:
    """Files that are there already stay; folders are kept."""
    (tmp_path / "from" / "deep").mkdir(parents=True)
    (tmp_path / "from" / "deep" / "a.py").write_text("a = 1")
    (tmp_path / "from" / "b.py").write_text("b = 1")
    (tmp_path / "from" / "weights.bin").write_text("no")
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "b.py").write_text("b = 2")
    copy_code(tmp_path / "from", tmp_path / "to")
    assert (tmp_path / "to" / "deep" / "a.py").read_text() == "a = 1"
    assert (tmp_path / "to" / "b.py").read_text() == "b = 2"
    assert not (tmp_path / "to" / "weights.bin").exists()
