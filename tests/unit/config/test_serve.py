"""Settings of the service."""

from __future__ import annotations

from pathlib import Path

import pytest

from vectune.config import ServeConfig
from vectune.config.load import parse_config
from vectune.config.serve import is_loopback
from vectune.errors import ConfigError


@pytest.mark.parametrize(
    ("host", "safe"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True)]
    + [(host, False) for host in ("0.0.0.0", "::", "10.0.0.1", "example.org", "127.0.0.1.example.org")],
)
def test_loopback_is_told_from_others(host: str, safe: bool) -> None:
    """Which addresses only this machine reaches is known by their look; the start asks for a key at others."""
    assert ServeConfig(host=host).is_loopback is safe
    assert is_loopback(host) is safe


def test_no_address_is_none() -> None:
    """An empty address would be all there are."""
    with pytest.raises(ConfigError, match="host"):
        parse_config(ServeConfig, {"host": ""}, "a test")


def test_largest_body_has_room() -> None:
    """Memory for all bodies that could not hold one is refused with both names."""
    with pytest.raises(ConfigError, match="bodies_bytes must be at least body_bytes"):
        parse_config(ServeConfig, {"body_bytes": 1000, "bodies_bytes": 999}, "a test")


def test_home_holds_all_by_default(tmp_path: Path) -> None:
    """Database and files lie in the home unless they are named; a `~` is the user's folder."""
    config = ServeConfig(home=tmp_path)
    assert config.database_url == f"sqlite:///{tmp_path}/vectune.db"
    assert config.files_root == str(tmp_path / "files")
    other = ServeConfig(home=tmp_path, database="postgresql://localhost/v", files="s3://bucket/x")
    assert (other.database_url, other.files_root) == ("postgresql://localhost/v", "s3://bucket/x")
    assert ServeConfig().home == Path.home() / ".vectune"


@pytest.mark.parametrize("model", ["/srv/secret/desk", "/srv/secret/desk/", "./secret/desk", "~/secret/desk"])
def test_default_model_at_a_path(model: str) -> None:
    """Callers know it by the last part of its path; a name with a slash is a name."""
    config = ServeConfig(default_model=model)
    assert config.default_name == "desk"
    assert config.names["desk"] == config.names["text-embedding-3-small"] == model
    assert model not in config.names
    assert ServeConfig(default_model="org/desk").default_name == "org/desk"


def test_names_of_models() -> None:
    """Well-known names stand for the default model; those that are given are laid over them."""
    names = ServeConfig(default_model="m", aliases={"text-embedding-3-large": "big", "mine": "m2"}).names
    assert names == {
        "m": "m",
        "text-embedding-3-small": "m",
        "text-embedding-3-large": "big",
        "text-embedding-ada-002": "m",
        "mine": "m2",
    }
