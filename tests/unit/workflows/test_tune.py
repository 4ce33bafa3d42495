from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer, models, pre_tokenizers

from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from vectune.config import TuneConfig
from vectune.errors import ConfigError, ModelError, StorageError
from vectune.workflows.tune import Run, partial_folder, tune


def test_run_knows_its_places(tmp_path: Path) -> None:
    """Model and report lie in the run folder; work is done beside it under a hidden name."""
    run = Run(tmp_path / "first", {}, 4, ())
    assert run.model == tmp_path / "first" / "model"
    assert run.report == tmp_path / "first" / "report.html"
    assert partial_folder(run.folder) == tmp_path / ".first.partial"


def test_name_of_the_run_is_the_datas(tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a name or place the run is called after the file, its ending and .gz left out; a name goes before."""
    monkeypatch.chdir(tmp_path)
    data = write_jsonl(tmp_path / "my.pairs.jsonl", overlapping_pairs(4))
    common = {"path": str(data), "base": str(tiny_model_folder), "evaluate": {"general": False}}
    first = tune(TuneConfig.model_validate(common))
    second = tune(TuneConfig.model_validate(common | {"name": "better one"}))
    today = datetime.now().strftime("%Y")
    assert first.folder.parent.name == "runs"
    assert first.folder.name.startswith(f"my.pairs-{today}")
    assert second.folder.name.startswith(f"better-one-{today}")


def test_dims_beyond_the_model_are_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A dimension that the model does not have is an error before the data is read, and leaves no folder."""
    for settings in ({"train": {"dims": [64, 16]}}, {"evaluate": {"dims": [33]}}):
        config = {
            "path": str(tmp_path / "nowhere"),
            "base": str(tiny_model_folder),
            "out": tmp_path / "run",
            **settings,
        }
        with pytest.raises(ConfigError, match="have 32 values"):
            tune(TuneConfig.model_validate(config))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keep", [True, False])
def test_the_allocator_is_left_alone_when_asked(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    """mallopt holds for the whole process, so it can be switched off; asked here without doing it to the tests."""
    asked: list[str] = []
    # mallopt can't be taken back in a process, nor be asked for what it was told: so who calls it is replaced.
    monkeypatch.setattr("vectune.workflows.tune.keep_large_blocks", lambda: asked.append("kept"))
    settings = {"keep_large_blocks": keep, "dims": [64]}  # too many: it ends before anything is read
    config = {"path": "nowhere", "base": str(tiny_model_folder), "out": tmp_path / "run", "train": settings}
    with pytest.raises(ConfigError):
        tune(TuneConfig.model_validate(config))
    assert asked == (["kept"] if keep else [])


def test_model_without_a_transformer_is_refused(tmp_path: Path) -> None:
    """A static model has no weights that this method could move: said before the data is read."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "dog": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    static = StaticEmbedding(tokenizer, embedding_dim=8)
    SentenceTransformer(modules=[static], device="cpu").save_pretrained(
        str(tmp_path / "static"), create_model_card=False
    )
    config = TuneConfig(path=str(tmp_path / "nowhere"), base=str(tmp_path / "static"), out=tmp_path / "run")
    with pytest.raises(ModelError, match="no transformer to tune"):
        tune(config)


def test_occupied_folder_is_refused_first(tmp_path: Path) -> None:
    """A folder that holds something is never written to, whatever else is wrong."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("keep")
    with pytest.raises(StorageError, match="already there"):
        tune(TuneConfig(path="nowhere", base="nowhere", out=tmp_path / "run"))
