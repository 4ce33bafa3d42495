"""Settings of remote models that the service answers for."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from vectune.config import ServeConfig
from vectune.config.load import to_toml
from vectune.config.remote import RemoteConfig
from vectune.config.upstream import WELL_KNOWN_MODELS, UpstreamConfig

URL = "https://models.example/v1"


def test_without_an_endpoint_nothing_is_elsewhere() -> None:
    """By default no name is remote, and jobs ask where they would without the service."""
    config = ServeConfig()
    assert config.upstream.names == {}
    assert config.remote == RemoteConfig()
    assert config.names["text-embedding-3-small"] == config.default_model


def test_well_known_names_are_the_endpoints() -> None:
    """With an endpoint the well-known names are its own, but for those that an alias keeps here."""
    config = ServeConfig(upstream=UpstreamConfig(url=URL + "/"), aliases={"text-embedding-3-large": "here"})
    assert config.upstream.names == {name: f"openai:{name}" for name in WELL_KNOWN_MODELS}
    assert config.names["text-embedding-3-small"] == "openai:text-embedding-3-small"
    assert config.names["text-embedding-3-large"] == "here"
    assert config.names[config.default_model] == config.default_model


def test_names_that_are_given() -> None:
    """A map of names replaces the well-known ones."""
    config = ServeConfig(upstream=UpstreamConfig(url=URL, models={"big": "org/big-model"}))
    assert config.names["big"] == "openai:org/big-model"
    assert config.names["text-embedding-3-small"] == config.default_model


def test_workers_are_told_the_endpoint_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Address, length and the variable's name go to the workers over their own settings; the key goes nowhere."""
    monkeypatch.setenv("A_KEY", "sk-secret")
    upstream = UpstreamConfig(url=URL, key_variable="A_KEY", dims=256)
    config = ServeConfig.model_validate({"upstream": upstream, "jobs": {"remote": {"query_prompt": "q: "}}})
    assert config.worker.remote == RemoteConfig(base_url=URL, key_variable="A_KEY", dims=256, query_prompt="q: ")
    assert "sk-secret" not in to_toml(config) + config.worker.model_dump_json() + repr(config)


def test_callers_wait_as_long_as_upstream_says_and_jobs_as_their_own_setting() -> None:
    """Two settings, each with its own use; without an upstream there is one."""
    given = {"upstream": {"url": URL, "timeout": 7}, "jobs": {"remote": {"timeout": 90, "query_prompt": "q: "}}}
    config = ServeConfig.model_validate(given)
    assert (config.remote_served.timeout, config.worker.remote.timeout) == (7, 90)
    assert config.remote_served == config.worker.remote.model_copy(update={"timeout": 7})
    plain = ServeConfig.model_validate({"jobs": {"remote": {"base_url": URL, "timeout": 90}}})
    assert plain.remote_served == plain.remote


@pytest.mark.parametrize("url", ["models.example", "https://user:key@models.example/v1", f"{URL}?api_key=sk"])
def test_address_holds_no_secret(url: str) -> None:
    """A key has no place in the address."""
    with pytest.raises(ValidationError):
        UpstreamConfig(url=url)
