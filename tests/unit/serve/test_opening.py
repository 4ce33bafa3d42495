"""From names to models that embed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.embeddings_endpoint import KEY, EmbeddingsEndpoint, serving
from tests.fakes.hash_encoder import HashEncoder
from tests.unit.encode.test_adapted import random_adapter
from vectune.config.remote import RemoteConfig
from vectune.encode.adapted import RemoteBase, save_adapter
from vectune.encode.backends.graph_encoder import GraphEncoder
from vectune.encode.backends.openvino import OpenvinoSession
from vectune.encode.backends.plain_bert import BertSession
from vectune.encode.loading import load_encoder
from vectune.encode.open_encoder import Opening, open_encoder
from vectune.records import Role
from vectune.serve.opening import ModelOpener
from vectune.serve.remote_model import Calls, RemoteModel, UpstreamFailed
from vectune.serve.shared_encoder import SharedEncoder


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddingsEndpoint]:
    """An endpoint, and its key in a variable."""
    monkeypatch.setenv("UPSTREAM_KEY", KEY)
    with serving(EmbeddingsEndpoint()) as endpoint:
        yield endpoint


def _opener(url: str | None, variable: str | None = "UPSTREAM_KEY") -> ModelOpener:
    return ModelOpener("torch", RemoteConfig(base_url=url, key_variable=variable), Calls(2))


def test_model_on_this_machine(tiny_model_folder: Path) -> None:
    """A folder is opened in the runtime that is asked for."""
    model = _opener(None)(str(tiny_model_folder))
    assert isinstance(model, SharedEncoder)
    np.testing.assert_allclose(model.encode(["red1"]), load_encoder(str(tiny_model_folder)).encode(["red1"]), atol=1e-6)


def test_a_model_is_warm_when_it_is_given_out(tiny_model_folder: Path) -> None:
    """No caller waits until OpenVINO has made what lone texts run in; on one core there is nothing to make."""
    model = ModelOpener("openvino", RemoteConfig(), Calls(2))(str(tiny_model_folder))
    assert isinstance(model, SharedEncoder)
    assert isinstance(model._encoder, GraphEncoder)
    session = model._encoder._session
    assert isinstance(session, OpenvinoSession)
    assert bool(session._lone._free) == (session.workers > 1)


def test_without_a_graph_torch_answers_and_the_graph_is_wanted(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is exported in the server: it serves the model with torch until the cache has the graph."""
    monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    wanted: list[tuple[str, str]] = []
    opener = ModelOpener("auto", RemoteConfig(), Calls(2), lambda name, runtime: wanted.append((name, runtime)))
    name = str(tiny_model_folder)
    first = opener(name)
    assert isinstance(first, SharedEncoder)
    assert isinstance(first._encoder, GraphEncoder)
    assert isinstance(first._encoder._session, BertSession)
    assert wanted == [(name, "openvino")]
    assert not list(tmp_path.iterdir())
    open_encoder(name, Opening(backend="openvino"))
    second = opener(name)
    assert isinstance(second, SharedEncoder)
    assert isinstance(second._encoder, GraphEncoder)
    assert isinstance(second._encoder._session, OpenvinoSession)
    assert len(wanted) == 1
    assert (first.encode(["red1"]) * second.encode(["red1"])).sum() > 0.999


def test_no_library_that_takes_long_is_imported_on_a_first_start(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Without a graph the server waits for torch alone: transformers and sentence-transformers are left to the process
    that makes it."""
    program = (
        "import sys\nfrom vectune.config.remote import RemoteConfig\nfrom vectune.serve.opening import ModelOpener\n"
        "from vectune.serve.remote_model import Calls\n"
        "ModelOpener('auto', RemoteConfig(), Calls(1), lambda name, runtime: print('wanted'))(sys.argv[1])\n"
        "assert not {'transformers', 'sentence_transformers', 'sklearn'} & set(sys.modules)"
    )
    environment = os.environ | {"VECTUNE_CACHE": str(tmp_path), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", program, str(tiny_model_folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert (done.returncode, done.stdout) == (0, "wanted\n"), done.stderr


def test_a_backend_that_is_named_is_the_one_that_runs(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names OpenVINO gets its vectors from the first text on."""
    monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path))
    wanted: list[str] = []
    opener = ModelOpener("openvino", RemoteConfig(), Calls(2), lambda name, runtime: wanted.append(name))
    model = opener(str(tiny_model_folder))
    assert isinstance(model, SharedEncoder)
    assert isinstance(model._encoder, GraphEncoder)
    assert wanted == []


def test_remote_model_and_adapter(place: EmbeddingsEndpoint, tmp_path: Path) -> None:
    """`openai:` names and folders that hold an adapter alone are answered by the endpoint, with the key."""
    adapter = random_adapter()
    save_adapter(adapter, tmp_path, base="openai:small", remote=RemoteBase("small", place.url, 32, "q: ", ""))
    plain, tuned = _opener(place.url)("openai:small"), _opener(place.url)(str(tmp_path))
    assert isinstance(plain, RemoteModel)
    assert isinstance(tuned, RemoteModel)
    np.testing.assert_allclose(plain.encode(["red"], Role.QUERY), HashEncoder().encode(["red"]), atol=1e-6)
    tuned.encode(["red"], Role.QUERY)
    assert list(place.texts) == ["red", "q: red"]
    assert place.keys == {KEY}


def test_adapter_of_another_endpoint(place: EmbeddingsEndpoint, tmp_path: Path) -> None:
    """An address that stands in a folder is never followed."""
    remote = RemoteBase("small", "http://elsewhere/v1", 32, "", "")
    save_adapter(random_adapter(), tmp_path, base="openai:small", remote=remote)
    with pytest.raises(UpstreamFailed, match="not the server's upstream"):
        _opener(place.url)(str(tmp_path))


def test_key_that_is_gone(place: EmbeddingsEndpoint) -> None:
    """A server without the key tells callers so without the name of the variable."""
    with pytest.raises(UpstreamFailed, match="not set up") as raised:
        _opener(place.url, "NO_SUCH_KEY")("openai:small")
    assert "NO_SUCH_KEY" not in raised.value.message + raised.value.hint
