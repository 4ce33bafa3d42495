"""Settings of the service."""

from __future__ import annotations

from pathlib import Path

import pytest

from vectune.config import ServeConfig
from vectune.config.load import parse_config
from vectune.errors import ConfigError


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_is_taken(host: str) -> None:
    """Addresses of this machine alone may be listened on."""
    assert ServeConfig(host=host).host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "", "127.0.0.1.example.org"])
def test_other_addresses_are_refused(host: str) -> None:
    """Any other address would let others in unasked."""
    with pytest.raises(ConfigError, match=r"name 127\.0\.0\.1"):
        parse_config(ServeConfig, {"host": host}, "a test")


def test_home_holds_all_by_default(tmp_path: Path) -> None:
    """Database and files lie in the home unless they are named; a `~` is the user's folder."""
    config = ServeConfig(home=tmp_path)
    assert config.database_url == f"sqlite:///{tmp_path}/vectune.db"
    assert config.files_root == str(tmp_path / "files")
    other = ServeConfig(home=tmp_path, database="postgresql://localhost/v", files="s3://bucket/x")
    assert (other.database_url, other.files_root) == ("postgresql://localhost/v", "s3://bucket/x")
    assert ServeConfig().home == Path.home() / ".vectune"


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
