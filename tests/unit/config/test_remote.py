"""Where an endpoint and its key come from."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from vectune.config.load import to_toml
from vectune.config.remote import OPENAI_URL, RemoteConfig, endpoint, is_remote, key_variables
from vectune.config.workflow import TuneConfig
from vectune.errors import ConfigError

LOCAL = "http://localhost:8000/v1"


@pytest.mark.parametrize(
    ("flag", "environment", "url"),
    [
        (LOCAL + "/", {"VECTUNE_REMOTE_URL": "http://other"}, LOCAL),
        (None, {"VECTUNE_REMOTE_URL": "http://first/v1", "OPENAI_BASE_URL": "http://second"}, "http://first/v1"),
        (None, {"VECTUNE_REMOTE_URL": " ", "OPENAI_BASE_URL": "http://second/"}, "http://second"),
        (None, {"OPENAI_API_KEY": "k"}, OPENAI_URL),
    ],
)
def test_the_nearest_address_counts(flag: str | None, environment: dict[str, str], url: str) -> None:
    """The setting goes before vectune's variable, that before OpenAI's, that before OpenAI itself."""
    assert endpoint(RemoteConfig(base_url=flag), environment).url == url


def test_the_key_comes_from_the_environment_and_is_not_shown() -> None:
    """vectune's variable goes before OpenAI's; the key stands neither in what is printed nor in the config."""
    found = endpoint(RemoteConfig(base_url=LOCAL), {"VECTUNE_REMOTE_KEY": "secret", "OPENAI_API_KEY": "other"})
    assert found.key == "secret"
    assert "secret" not in repr(found)
    assert "key" not in to_toml(TuneConfig(path="a", remote=RemoteConfig(base_url=LOCAL)))


def test_openai_wants_a_key_and_others_may_not() -> None:
    """Without a key OpenAI's own endpoint is refused before anything is sent."""
    with pytest.raises(ConfigError, match="no key"):
        endpoint(RemoteConfig(), {})
    assert endpoint(RemoteConfig(base_url=LOCAL), {}).key


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://a/v1", "http://user:pass@host/v1", "http://host/v1?key=x", ""]
)
def test_addresses_with_secrets_or_without_a_host_are_refused(url: str) -> None:
    """A key must not get into config files by way of the address."""
    with pytest.raises(ValidationError):
        RemoteConfig(base_url=url)


def test_an_unusable_variable_is_a_config_error() -> None:
    """What the environment names is checked alike."""
    with pytest.raises(ConfigError, match="must begin with http"):
        endpoint(RemoteConfig(), {"VECTUNE_REMOTE_URL": "nonsense"})


def test_remote_names() -> None:
    """Only names that begin with openai: are remote."""
    assert is_remote("openai:text-embedding-3-small")
    assert not is_remote("openai/clip")


def test_key_of_a_variable_that_is_named() -> None:
    """The named variable alone counts then, and it must be set."""
    config = RemoteConfig(base_url=LOCAL, key_variable="MY_KEY")
    assert endpoint(config, {"MY_KEY": "mine", "OPENAI_API_KEY": "other"}).key == "mine"
    with pytest.raises(ConfigError, match="MY_KEY is not set"):
        endpoint(config, {"OPENAI_API_KEY": "other"})
    assert key_variables(config) == "MY_KEY"
    assert key_variables(RemoteConfig()) == "VECTUNE_REMOTE_KEY or OPENAI_API_KEY"
