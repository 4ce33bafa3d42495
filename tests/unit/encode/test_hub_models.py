"""Models that only the hub has: they are fetched, unless they bring code that is not trusted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.model_hub import model_hub

_LOAD = """
import json, sys
from vectune.encode.loading import load_encoder
from vectune.errors import ModelError
try:
    print(json.dumps(load_encoder(sys.argv[1]).encode(["a word"]).shape))
except ModelError as error:
    print(json.dumps([error.message, error.hint]))
"""


def load(name: str, address: str, home: Path) -> list[object]:
    """What comes of loading the model `name` from the hub at `address` in a process of its own."""
    online = {"HF_ENDPOINT": address, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, name], env=os.environ | online, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found: list[object] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_model_comes_from_the_hub(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A model without code of its own is fetched and encodes."""
    with model_hub("someone/small", tiny_model_folder) as (address, fetched):
        assert load("someone/small", address, tmp_path / "home") == [1, 32]
    assert "model.safetensors" in fetched


def test_short_names_are_of_the_librarys_own_organisation(tiny_model_folder: Path, tmp_path: Path) -> None:
    """As sentence-transformers has it, from the hub as well as from its cache without a hub."""
    with model_hub("sentence-transformers/short-one", tiny_model_folder) as (address, fetched):
        assert load("short-one", address, tmp_path / "home") == [1, 32]
        assert "model.safetensors" in fetched
    assert load("short-one", "http://127.0.0.1:9", tmp_path / "home") == [1, 32]


@pytest.mark.parametrize("place", ["config.json", "tokenizer_config.json"])
def test_code_of_a_model_on_the_hub_is_refused_before_its_weights_come(
    tiny_model_folder: Path, tmp_path: Path, place: str
) -> None:
    """Also where transformers knows the architecture and would load its own class in place of the model's code."""
    folder = shutil.copytree(tiny_model_folder, tmp_path / "model")
    config = json.loads((folder / place).read_text())
    (folder / place).write_text(json.dumps(config | {"auto_map": {"AutoModel": "modeling.Other"}}))
    with model_hub("someone/other", folder) as (address, fetched):
        message, hint = load("someone/other", address, tmp_path / "home")
    assert "brings Python code of its own" in str(message)
    assert "--trust-remote-code" in str(hint)
    assert place in fetched
    assert not any(name.endswith(".safetensors") for name in fetched)


def test_a_hub_that_is_not_there_is_said(tmp_path: Path) -> None:
    """Nobody answers at the address: the sentence says what to do."""
    message, hint = load("someone/nothing", "http://127.0.0.1:9", tmp_path / "home")
    assert "neither on this machine nor to be had from the hub" in str(message)
    assert "path of a model folder" in str(hint)


def test_pickled_modules_on_the_hub_are_refused_before_weights_come(tiny_model_folder: Path, tmp_path: Path) -> None:
    """What the hub lists is looked at; nothing but configs is fetched."""
    folder = shutil.copytree(tiny_model_folder, tmp_path / "model")
    modules = json.loads((folder / "modules.json").read_text())
    dense = {"idx": 9, "name": "9", "path": "9_Dense", "type": "sentence_transformers.models.Dense"}
    (folder / "modules.json").write_text(json.dumps([*modules, dense]))
    (folder / "9_Dense").mkdir()
    (folder / "9_Dense" / "pytorch_model.bin").write_bytes(b"anything")
    with model_hub("someone/pickled", folder) as (address, fetched):
        message, hint = load("someone/pickled", address, tmp_path / "home")
    assert "9_Dense/pytorch_model.bin" in str(message)
    assert "Save them as safetensors" in str(hint)
    assert not any(name.endswith((".safetensors", ".bin")) for name in fetched)
