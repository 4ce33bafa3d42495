"""Settings of `vectune keys`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from vectune.config.model import Config

KeyAction = Literal["create", "list", "revoke"]
_Limit = Annotated[int | None, Field(ge=1, le=2**53)]


class KeysConfig(Config):
    """`vectune keys`: make, list and revoke the API keys of a service, also while it runs."""

    action: KeyAction
    """`create` makes a key and shows it, once; `list` shows what is known of all; `revoke` ends one."""
    name: str | None = Field(None, min_length=1, max_length=100)
    """What a new key is called; for `revoke` the name or the id of the key."""
    project: str = "default"
    """Project of the new key: files, jobs and models of one project do not exist for another."""
    home: Path = Field(Path("~/.vectune"), validate_default=True)
    """Folder of the service, as in `vectune serve`."""
    database: str | None = None
    """URL of the service's database, as in `vectune serve`; by default HOME/vectune.db."""
    requests_a_minute: _Limit = None
    """Requests that the key may send a minute to each server; by default without limit, as are the others."""
    tokens_a_minute: _Limit = None
    """Tokens that may be embedded with the key a minute on each server."""
    jobs_at_once: _Limit = None
    """Jobs of the key that may be unfinished at a time, paused ones among them."""
    jobs_a_day: _Limit = None
    """Jobs that may be started with the key on a day (UTC)."""
    tokens_in_all: _Limit = None
    """Tokens that may ever be embedded with the key."""

    @field_validator("home")
    @classmethod
    def _expanded(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @model_validator(mode="after")
    def _named(self) -> KeysConfig:
        if self.name is None and self.action != "list":
            raise ValueError(f"name the key: vectune keys {self.action} NAME")
        return self

    @property
    def database_url(self) -> str:
        """Where the database is."""
        return self.database or f"sqlite:///{self.home / 'vectune.db'}"
