"""Settings of models behind an OpenAI-compatible embeddings endpoint, and where they and their key come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from vectune.config.model import Config
from vectune.errors import ConfigError

REMOTE_PREFIX = "openai:"
"""How the name of a remote model begins: `openai:MODEL`."""
OPENAI_URL = "https://api.openai.com/v1"
_URL_VARIABLES = ("VECTUNE_REMOTE_URL", "OPENAI_BASE_URL")
_KEY_VARIABLES = ("VECTUNE_REMOTE_KEY", "OPENAI_API_KEY")
NO_KEY = "none"
"""Sent where no key is set: the client wants one, most local endpoints do not look at it."""


class RemoteConfig(Config):
    """How models named `openai:MODEL` are asked for vectors. The key comes from the environment alone."""

    base_url: str | None = None
    """Address of the endpoint, such as http://localhost:8000/v1; by default that of VECTUNE_REMOTE_URL, else of
    OPENAI_BASE_URL, else OpenAI's. The key is read from VECTUNE_REMOTE_KEY, else OPENAI_API_KEY."""
    key_variable: str | None = None
    """Name of another environment variable that holds the key; it must be set then."""
    query_prompt: str = ""
    """Text put before every query."""
    document_prompt: str = ""
    """Text put before every document."""
    dims: int | None = Field(None, ge=1)
    """Length of the vectors to ask for, for models that offer several; by default the model's own."""
    batch_texts: int = Field(128, ge=1, le=2048)
    """Most texts in one request."""
    batch_chars: int = Field(200_000, ge=1)
    """Most characters in one request; a longer text goes alone."""
    max_chars: int | None = Field(None, ge=1)
    """Characters of a text that are sent, its prompt included; by default all. Endpoints refuse texts over their
    limit."""
    parallel: int = Field(4, ge=1, le=64)
    """Requests under way at the same time."""
    retries: int = Field(6, ge=0)
    """Times that a request is repeated after 408, 409, 429, 5xx or a lost connection, each after a longer wait or the
    one that the endpoint asks for, up to two minutes; asked for a longer one it is not repeated."""
    timeout: float = Field(60.0, gt=0)
    """Seconds after which a request without an answer counts as lost."""

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, url: str | None) -> str | None:
        return None if url is None else checked_address(url)


@dataclass(frozen=True)
class Endpoint:
    """Where requests go, and the key that opens it; the key is never shown."""

    url: str
    key: str = field(repr=False)


def is_remote(name: str) -> bool:
    """Whether `name` is that of a model behind an endpoint."""
    return name.startswith(REMOTE_PREFIX)


def endpoint(config: RemoteConfig, environment: Mapping[str, str] = os.environ) -> Endpoint:
    """The endpoint that settings and environment name. ConfigError for an address that is none, or without a key
    where OpenAI itself is asked; other endpoints may want no key.
    """
    url = config.base_url or _first(environment, _URL_VARIABLES) or OPENAI_URL
    try:
        url = checked_address(url)
    except ValueError as error:
        raise ConfigError(f"The endpoint's address can't be used: {error}.", "Set VECTUNE_REMOTE_URL.") from error
    key = _first(environment, _KEY_VARIABLES if config.key_variable is None else (config.key_variable,))
    if key is None and config.key_variable is not None:
        raise ConfigError(
            f"The environment variable {config.key_variable} is not set.", "Set it to the key of the endpoint."
        )
    if key is None and url == OPENAI_URL:
        raise ConfigError(
            "There is no key for OpenAI's endpoint.",
            "Set VECTUNE_REMOTE_KEY or OPENAI_API_KEY, or name another endpoint with --base-url.",
        )
    return Endpoint(url, key or NO_KEY)


def key_variables(config: RemoteConfig) -> str:
    """The variables that the key is read from, as they are named in a sentence."""
    return config.key_variable or " or ".join(_KEY_VARIABLES)


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    """The first of the variables that is set to something."""
    return next((value for name in names if (value := environment.get(name, "").strip())), None)


def checked_address(url: str) -> str:
    """`url` without a slash at its end; ValueError unless it is a plain http address: secrets have no place in it."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it must begin with http:// or https:// and name a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("it must hold no user, password, query or fragment: a key belongs in VECTUNE_REMOTE_KEY")
    return url.strip().rstrip("/")
