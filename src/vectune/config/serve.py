"""Settings of the service."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import Field, field_validator

from vectune.config.jobs import JobsConfig
from vectune.config.model import Config
from vectune.config.vectors import BackendName
from vectune.config.workflow import PACKAGED_MODEL

WELL_KNOWN_MODELS = ("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002")
"""Names that people's scripts hold; each stands for the default model unless the settings say otherwise."""
_MIB = 1 << 20


class ServeConfig(Config):
    """`vectune serve`: files, fine-tuning jobs and embeddings over HTTP, as OpenAI clients speak it."""

    host: str = "127.0.0.1"
    """Address to listen on: one of this machine's own (loopback) only, since callers are not asked who they are."""
    port: int = Field(8765, ge=0, le=65535)
    """Port to listen on; 0 takes a free one and tells which."""
    home: Path = Field(Path("~/.vectune"), validate_default=True)
    """Folder of all that the service keeps: database, files, jobs and tuned models."""
    workers: int = Field(1, ge=0)
    """Processes that work on fine-tuning jobs; with 0 jobs wait until a server with workers takes them."""
    database: str | None = None
    """URL of the database, as sqlite:////path/file.db or postgresql+psycopg://...; by default HOME/vectune.db."""
    files: str | None = None
    """Folder or fsspec URL (as s3://bucket/folder) of uploaded files; by default HOME/files."""
    default_model: str = PACKAGED_MODEL
    """Model that is loaded at start; the service is ready when it answers."""
    aliases: dict[str, str] = {}
    """Names that models answer to, each with the model behind it. The well-known names of OpenAI's embedding models
    stand for `default_model` unless they are given here."""
    backend: BackendName = "auto"
    """What runs the models, as in `vectune encode`."""
    model_gib: float = Field(4.0, gt=0)
    """GiB of weights kept in memory; the model that was unused longest goes first."""
    batch_tokens: int = Field(8192, ge=64)
    """About how many tokens of several callers go through a model together."""
    waiting_tokens: int = Field(1_000_000, ge=64)
    """About how many tokens may wait for the models; beyond that callers are told to come back."""
    upload_bytes: int = Field(512 * _MIB, ge=1)
    """Largest file that may be uploaded."""
    body_bytes: int = Field(16 * _MIB, ge=1)
    """Largest body of any other request."""
    token_table: Path | None = None
    """A tiktoken file (as cl100k_base.tiktoken) by which token numbers in `input` are read back as text; without one
    they are refused."""
    jobs: JobsConfig = JobsConfig()
    """How workers run jobs."""

    @field_validator("host")
    @classmethod
    def _loopback(cls, host: str) -> str:
        if host == "localhost":
            return host
        try:
            safe = ipaddress.ip_address(host).is_loopback
        except ValueError:
            safe = False
        if not safe:
            raise ValueError("whoever reaches that address could use the service: name 127.0.0.1, ::1 or localhost")
        return host

    @field_validator("home")
    @classmethod
    def _expanded(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @property
    def names(self) -> dict[str, str]:
        """Every name that a base model answers to, and the base."""
        return {**dict.fromkeys((self.default_model, *WELL_KNOWN_MODELS), self.default_model), **self.aliases}

    @property
    def database_url(self) -> str:
        """Where the database is."""
        return self.database or f"sqlite:///{self.home / 'vectune.db'}"

    @property
    def files_root(self) -> str:
        """Where uploaded files lie."""
        return self.files or str(self.home / "files")
