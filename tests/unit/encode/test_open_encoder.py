"""One door for every model."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.tiny_model import WORDS
from vectune.encode.adapted import AdaptedEncoder, QueryAdapter, save_adapter
from vectune.encode.backends.graph_cache import GraphMissing
from vectune.encode.backends.graph_encoder import GraphEncoder
from vectune.encode.export.folder import write_export
from vectune.encode.loading import load_encoder
from vectune.encode.open_encoder import Opening, is_exported, open_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import ConfigError, ModelError
from vectune.monitor.progress import Silent
from vectune.records import Role

TEXTS = [" ".join(WORDS[i : i + 1 + i % 30]) for i in range(10)]


class Notes(Silent):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


@pytest.mark.parametrize(
    ("backend", "kind"), [("torch", SentenceEncoder), ("openvino", GraphEncoder), ("onnx", GraphEncoder)]
)
def test_backends_give_the_same_vectors(tiny_model_folder: Path, backend: str, kind: type) -> None:
    """Each named backend runs, and agrees with torch in fp32."""
    encoder = open_encoder(str(tiny_model_folder), Opening(backend=backend, precision="fp32"))  # type: ignore[arg-type]
    expected = load_encoder(str(tiny_model_folder), precision="fp32").encode(TEXTS)
    assert isinstance(encoder, kind)
    assert (encoder.encode(TEXTS) * expected).sum(axis=1).min() > 0.99999


def test_cached_graph_needs_no_torch(tiny_model_folder: Path) -> None:
    """Once exported, a fresh process encodes without torch, transformers or sentence-transformers."""
    open_encoder(str(tiny_model_folder), Opening(backend="openvino"))
    program = (
        "import sys\nfrom vectune.encode.open_encoder import Opening, open_encoder\n"
        f"open_encoder({str(tiny_model_folder)!r}, Opening(backend='openvino')).encode(['red1'])\n"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", ["model.bin", "model.xml", "tokenizer.json", "vectune_export.json"])
def test_damaged_cached_graph_is_exported_once_more(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    """A file of the cache that was cut short costs an export, and is whole the next time."""
    monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path))
    opening = Opening(backend="openvino", precision="fp32")
    expected = open_encoder(str(tiny_model_folder), opening).encode(TEXTS)
    (kept,) = (tmp_path / "graphs").iterdir()
    whole = (kept / file).read_bytes()
    (kept / file).write_bytes(whole[: len(whole) // 2])
    for exports in (1, 0):
        notes = Notes()
        found = open_encoder(str(tiny_model_folder), opening, notes).encode(TEXTS)
        assert len(notes.said) == exports
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert list((tmp_path / "graphs").iterdir()) == [kept]


def test_a_graph_that_may_not_be_made_is_missing(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without exports the caller hears what is missing, also in the place of a damaged graph, which stays as it is; a
    whole one is opened."""
    monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path))
    name, opening = str(tiny_model_folder), Opening(device="cpu", exports=False)
    with pytest.raises(GraphMissing) as raised:
        open_encoder(name, opening)
    found = pickle.loads(pickle.dumps(raised.value))
    assert (found.model, found.runtime, found.message) == (name, "openvino", raised.value.message)
    open_encoder(name, Opening(backend="openvino"))
    assert isinstance(open_encoder(name, opening), GraphEncoder)
    (kept,) = (tmp_path / "graphs").iterdir()
    (kept / "model.bin").write_bytes(b"")
    with pytest.raises(GraphMissing):
        open_encoder(name, opening)
    assert (kept / "model.bin").read_bytes() == b""


def test_auto_falls_back_to_torch_and_says_so(prompted_model: Path, tmp_path: Path) -> None:
    """A model that can't be a graph is encoded all the same; asked for by name, the graph is refused."""
    encoder = load_encoder(str(prompted_model))
    encoder.model.set_pooling_include_prompt(False)
    encoder.model.save_pretrained(str(tmp_path / "model"), create_model_card=False)
    notes = Notes()
    opened = open_encoder(str(tmp_path / "model"), Opening(device="cpu"), notes)
    assert isinstance(opened, SentenceEncoder)
    assert "torch is used instead" in notes.said[-1]
    with pytest.raises(ModelError, match="out of the pooling"):
        open_encoder(str(tmp_path / "model"), Opening(backend="openvino"))


def test_export_runs_in_its_own_runtime(exported: dict[str, Path], tiny_model_folder: Path) -> None:
    """Its manifest decides; another backend contradicts it. A transformer does not run as a table."""
    assert is_exported(str(exported["onnx"]))
    assert not is_exported(str(tiny_model_folder))
    with pytest.raises(ConfigError, match="exported for onnx"):
        open_encoder(str(exported["onnx"]), Opening(backend="openvino"))
    with pytest.raises(ConfigError, match="no token table"):
        open_encoder(str(tiny_model_folder), Opening(backend="static"))


def test_adapter_goes_along_into_an_export(prompted_model: Path, tmp_path: Path) -> None:
    """Queries of an exported adapted model are adapted, documents are not."""
    draw = np.random.default_rng(0)
    up, down = draw.standard_normal((32, 2)), draw.standard_normal((2, 32))
    source, target = tmp_path / "source", tmp_path / "target"
    encoder = load_encoder(str(prompted_model), precision="fp32")
    encoder.model.save_pretrained(str(source), create_model_card=False)
    save_adapter(QueryAdapter(up.astype(np.float32), down.astype(np.float32)), source, base="tiny")
    target.mkdir()
    write_export(encoder, source, target, "openvino")
    opened = open_encoder(str(target), Opening(precision="fp32"))
    expected = open_encoder(str(source), Opening(backend="torch", precision="fp32"))
    assert isinstance(opened, AdaptedEncoder)
    for role in Role:
        assert (opened.encode(TEXTS, role) * expected.encode(TEXTS, role)).sum(axis=1).min() > 0.9999


def test_remote_models_are_opened_at_their_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """`openai:MODEL` goes to the endpoint; without a key for it that is said."""
    for name in ("OPENAI_API_KEY", "VECTUNE_REMOTE_KEY", "OPENAI_BASE_URL", "VECTUNE_REMOTE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="key"):
        open_encoder("openai:some-model")
