"""Settings of `vectune keys`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vectune.config import KeysConfig
from vectune.config.load import parse_config
from vectune.errors import ConfigError


def test_defaults(tmp_path: Path) -> None:
    """A key is without limits and of the project that callers without keys are; the database is the service's."""
    config = KeysConfig(action="create", name="laptop", home=tmp_path)
    assert config.project == "default"
    assert config.database_url == f"sqlite:///{tmp_path}/vectune.db"
    assert {value for name, value in config if name.startswith(("requests", "tokens", "jobs"))} == {None}
    assert KeysConfig(action="list", database="postgresql://h/v").database_url == "postgresql://h/v"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({}, "`action` is missing"),
        ({"action": "lose"}, "action"),
        ({"action": "create"}, "create NAME"),
        ({"action": "revoke"}, "revoke NAME"),
        ({"action": "create", "name": ""}, "name"),
        ({"action": "create", "name": "a", "jobs_a_day": 0}, "jobs_a_day"),
        ({"action": "create", "name": "a", "tokens_in_all": 2**80}, "tokens_in_all"),
    ],
    ids=str,
)
def test_what_is_asked_wrongly(content: dict[str, Any], says: str) -> None:
    """A missing name and limits that are none are told before anything is opened."""
    with pytest.raises(ConfigError, match=says):
        parse_config(KeysConfig, content, "a test")
