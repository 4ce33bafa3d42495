"""Opening what is not all in one folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.fakes.embeddings_endpoint import KEY, EmbeddingsEndpoint, serving
from tests.fakes.hash_encoder import HashEncoder
from tests.unit.encode.test_adapted import random_adapter
from vectune.config.remote import RemoteConfig
from vectune.encode.adapted import AdaptedEncoder, RemoteBase, save_adapter
from vectune.encode.encoder import Encoder
from vectune.encode.open_adapted import open_model
from vectune.encode.remote import RemoteEncoder
from vectune.errors import ConfigError
from vectune.records import Role

BASE = HashEncoder()


def _open(name: object, **remote: object) -> Encoder:
    return open_model(str(name), RemoteConfig.model_validate(remote), lambda: BASE)


def test_plain_models_are_opened_locally(tiny_model_folder: Path) -> None:
    """A folder without an adapter is what the local opener gives."""
    assert _open(tiny_model_folder) is BASE


def test_local_adapter_goes_on_the_local_base(tmp_path: Path) -> None:
    """A folder with an adapter, or the run around it, maps the queries of what the local opener gives."""
    adapter = random_adapter()
    save_adapter(adapter, tmp_path / "run" / "model", base="b")
    for name in (tmp_path / "run", tmp_path / "run" / "model"):
        encoder = _open(name)
        assert isinstance(encoder, AdaptedEncoder)
        np.testing.assert_array_equal(encoder.encode(["a b"], Role.QUERY), adapter.apply(BASE.encode(["a b"])))
        assert encoder.name == str(name)


def test_remote_adapter_asks_its_endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The base's prompts and dims are those it was trained with, whatever the settings say."""
    monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path / "cache"))
    with serving(EmbeddingsEndpoint()) as place:
        remote = RemoteBase("m", place.url, 16, "q: ", "d: ")
        save_adapter(random_adapter(dim=16), tmp_path / "model", base="openai:m", remote=remote)
        encoder = _open(tmp_path / "model", base_url=place.url, query_prompt="other")
        assert encoder.encode(["red"], Role.QUERY).shape == (1, 16)
        assert set(place.texts) >= {"q: red"}
        assert isinstance(_open("openai:m", base_url=place.url), RemoteEncoder)


def test_an_address_in_a_folder_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder from elsewhere can't send texts and key to an address that nobody here named."""
    monkeypatch.setenv("VECTUNE_REMOTE_KEY", KEY)
    for variable in ("VECTUNE_REMOTE_URL", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    with serving(EmbeddingsEndpoint()) as place:
        remote = RemoteBase("m", place.url, None, "", "")
        save_adapter(random_adapter(), tmp_path, base="openai:m", remote=remote)
        with pytest.raises(ConfigError, match=r"requests would go to https://api\.openai\.com") as raised:
            _open(tmp_path)
        assert f"--base-url {place.url}" in raised.value.hint
        assert place.requests == []
