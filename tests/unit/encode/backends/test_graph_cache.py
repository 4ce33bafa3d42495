"""A graph is exported once, kept whole, and made anew when anything that decides it changes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.fakes.tiny_model import save_tiny_model
from vectune.encode.backends.graph_cache import cached_graph
from vectune.encode.export.manifest import MANIFEST_FILE, is_export
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import ModelError, StorageError


class Loads:
    """Loads a folder's model and counts how often it was asked to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def __call__(self) -> SentenceEncoder:
        self.count += 1
        return load_encoder(str(self.folder), precision="fp32")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_second_time_loads_nothing(cache: Path, tiny_model_folder: Path) -> None:
    """The kept folder is given back without the model; nothing half-written stays beside it."""
    load = Loads(tiny_model_folder)
    first = cached_graph(tiny_model_folder, "openvino", load)
    assert cached_graph(tiny_model_folder, "openvino", load) == first
    assert load.count == 1
    assert is_export(first)
    assert list((cache / "graphs").iterdir()) == [first]


def test_opening_is_noted(cache: Path, tiny_model_folder: Path) -> None:
    """A graph that is opened is as young as on its first day: only what nobody opens grows old."""
    kept = cached_graph(tiny_model_folder, "openvino", Loads(tiny_model_folder))
    os.utime(kept, (1, 1))
    cached_graph(tiny_model_folder, "openvino", Loads(tiny_model_folder))
    assert kept.stat().st_mtime > 1


def test_other_prompts_are_another_graph(cache: Path, tmp_path: Path) -> None:
    """The small files count as well as the weights."""
    folder = save_tiny_model(tmp_path / "model")
    before = cached_graph(folder, "openvino", Loads(folder))
    file = folder / "config_sentence_transformers.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"prompts": {"query": "red3 ", "document": ""}}))
    assert cached_graph(folder, "openvino", Loads(folder)) != before


@pytest.mark.parametrize("name", ["modeling_own.py", "vocab.txt", "code/deep.py", "spiece.model"])
def test_other_code_or_vocabulary_is_another_graph(cache: Path, tmp_path: Path, name: str) -> None:
    """What the model's own code computes, and what its words are, count too."""
    folder = save_tiny_model(tmp_path / "model")
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("one")
    before = cached_graph(folder, "onnx", Loads(folder))
    file.write_text("two")
    assert cached_graph(folder, "onnx", Loads(folder)) != before


def test_graph_that_is_not_the_model_is_not_kept(cache: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    """The export is compared with the model before anybody uses it."""
    other = save_tiny_model(tmp_path / "other", seed=5)

    class Swapped(SentenceEncoder):
        """Exports its own weights and encodes with another model's."""

        def encode(self, *given: object, **more: object) -> object:  # type: ignore[override]
            return load_encoder(str(other), precision="fp32").encode(*given, **more)  # type: ignore[arg-type]

    swapped = Swapped(load_encoder(str(tiny_model_folder)).model, "swapped", precision="fp32")
    with pytest.raises(ModelError, match="is not the model"):
        cached_graph(tiny_model_folder, "openvino", lambda: swapped)
    assert not list((cache / "graphs").iterdir())


def test_unwritable_cache_is_an_error_of_ours(cache: Path, tiny_model_folder: Path) -> None:
    """Where a file stands in place of the folder, the sentence names it."""
    shutil.rmtree(cache, ignore_errors=True)
    cache.write_text("")
    with pytest.raises(StorageError):
        cached_graph(tiny_model_folder, "openvino", Loads(tiny_model_folder))


def test_graph_that_does_not_run_is_an_error_of_ours(cache: Path, tiny_model_folder: Path) -> None:
    """What the runtime raises in the middle of a batch is told like a graph that is not the model, and none is kept."""
    encoder = load_encoder(str(tiny_model_folder), precision="fp32")
    longer = SentenceEncoder(encoder.model, "longer", precision="fp32")
    encoder.model.max_seq_length = longer.max_tokens = 200  # the tiny model has no more than 64 positions
    with pytest.raises(ModelError, match="does not run"):
        cached_graph(tiny_model_folder, "onnx", lambda: longer)
    assert not list((cache / "graphs").iterdir())


def test_half_a_folder_does_not_stand_in_the_way(cache: Path, tiny_model_folder: Path) -> None:
    """What a crash of the machine left under the name is no graph, and makes room for one."""
    kept = cached_graph(tiny_model_folder, "openvino", Loads(tiny_model_folder))
    (kept / MANIFEST_FILE).unlink()
    load = Loads(tiny_model_folder)
    assert cached_graph(tiny_model_folder, "openvino", load) == kept
    assert is_export(kept)
    assert load.count == 1
    assert list((cache / "graphs").iterdir()) == [kept]


def test_graph_that_was_made_meanwhile_stays(cache: Path, tiny_model_folder: Path) -> None:
    """Of two processes that export at the same time one wins, and the other takes its graph."""

    def load() -> SentenceEncoder:
        kept = cached_graph(tiny_model_folder, "openvino", Loads(tiny_model_folder))
        (kept / "first").write_text("")
        return load_encoder(str(tiny_model_folder), precision="fp32")

    assert (cached_graph(tiny_model_folder, "openvino", load) / "first").exists()
    assert len(list((cache / "graphs").iterdir())) == 1
