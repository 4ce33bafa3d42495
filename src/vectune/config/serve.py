"""Settings of the service."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from vectune.config.jobs import JobsConfig
from vectune.config.log import LogConfig
from vectune.config.model import Config
from vectune.config.remote import RemoteConfig
from vectune.config.retention import RetentionConfig
from vectune.config.upstream import WELL_KNOWN_MODELS, UpstreamConfig
from vectune.config.vectors import BackendName
from vectune.config.workflow import PACKAGED_MODEL

_MIB = 1 << 20


class ServeConfig(Config):
    """`vectune serve`: files, fine-tuning jobs and embeddings over HTTP, as OpenAI clients speak it."""

    host: str = Field("127.0.0.1", min_length=1)
    """Address to listen on; one that other machines reach is refused until there is a key (`vectune keys create`)."""
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
    """Model that is loaded at start; the service is ready when it answers. Callers see of a path its last part."""
    aliases: dict[str, str] = {}
    """Names that models answer to, each with the model behind it. The well-known names of OpenAI's embedding models
    stand for `default_model` unless they are given here or `upstream` has an endpoint."""
    backend: BackendName = "auto"
    """What runs the models, as in `vectune encode`."""
    model_gib: float = Field(4.0, gt=0)
    """GiB of weights kept in memory; the model that was unused longest goes first."""
    batch_tokens: int = Field(4096, ge=64)
    """About how many tokens of several callers go through a model together."""
    waiting_tokens: int = Field(1_000_000, ge=64)
    """How many tokens may wait for the models; beyond that callers are told to come back."""
    waiting_seconds: float = Field(30.0, gt=0)
    """How long what waits may take at the present pace; beyond that callers are told to come back."""
    text_cache_mib: float = Field(0.0, ge=0)
    """MiB of vectors of exact texts that are kept in memory, so that a repeated text costs no model; 0 keeps none."""
    upload_bytes: int = Field(512 * _MIB, ge=1)
    """Largest file that may be uploaded."""
    uploads_at_once: int = Field(4, ge=1)
    """Uploads that may be under way at a time, of one project one less; each may take `upload_bytes` of the temporary
    folder until it is kept. Others wait for their turn, some seconds at most."""
    body_bytes: int = Field(16 * _MIB, ge=1)
    """Largest body of any other request."""
    bodies_bytes: int = Field(256 * _MIB, ge=1)
    """Memory for all such bodies that are on their way at a time, the first 64 KiB of each not counted, of one project
    less by `body_bytes`; beyond that callers are told to come back. At least `body_bytes`, and where it is less than
    twice that, one project may have `body_bytes` of it."""
    head_seconds: float = Field(10.0, gt=0)
    """Seconds that the head of a request may take to arrive."""
    body_seconds: float = Field(30.0, gt=0)
    """Seconds that a body may take to arrive, beside those of `body_bytes_a_second`, and between two parts of it."""
    body_bytes_a_second: int = Field(10_000, ge=1)
    """How slowly a large body may arrive: each so many bytes give it another second."""
    token_table: Path | None = None
    """A tiktoken file (as cl100k_base.tiktoken) by which token numbers in `input` are read back as text; without one
    they are refused."""
    upstream: UpstreamConfig = UpstreamConfig()
    """Names that a remote endpoint answers for."""
    jobs: JobsConfig = JobsConfig()
    """How workers run jobs."""
    retention: RetentionConfig = RetentionConfig()
    """How long what nobody needs any more is kept."""
    log: LogConfig = LogConfig()
    """What is logged, and where."""

    @field_validator("home")
    @classmethod
    def _expanded(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @model_validator(mode="after")
    def _holds_one_body(self) -> ServeConfig:
        if self.bodies_bytes < self.body_bytes:
            raise ValueError("bodies_bytes must be at least body_bytes, or the largest body never has room")
        return self

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches the address."""
        return is_loopback(self.host)

    @property
    def names(self) -> dict[str, str]:
        """Every name that a base model answers to, and the base."""
        ours = dict.fromkeys((self.default_name, *WELL_KNOWN_MODELS), self.default_model)
        return {**ours, **self.upstream.names, **self.aliases}

    @property
    def default_name(self) -> str:
        """What callers see of the default model."""
        return shown_name(self.default_model)

    @property
    def remote(self) -> RemoteConfig:
        """How models behind an endpoint are asked, by the server and in jobs."""
        return self.upstream.laid_over(self.jobs.remote)

    @property
    def remote_served(self) -> RemoteConfig:
        """How the server asks for callers, who wait no longer than `upstream.timeout`; jobs have time."""
        if self.upstream.url is None:
            return self.remote
        return self.remote.model_copy(update={"timeout": self.upstream.timeout})

    @property
    def worker(self) -> JobsConfig:
        """What workers are told: how to run jobs, and where remote models are."""
        return self.jobs.model_copy(update={"remote": self.remote})

    @property
    def database_url(self) -> str:
        """Where the database is."""
        return self.database or f"sqlite:///{self.home / 'vectune.db'}"

    @property
    def files_root(self) -> str:
        """Where uploaded files lie."""
        return self.files or str(self.home / "files")


def shown_name(model: str) -> str:
    """What callers see of `model`: of a path of this machine the last part, which they may use as its name."""
    is_path = model.startswith(("/", ".", "~"))
    return Path(model).expanduser().absolute().name if is_path else model


def is_loopback(host: str) -> bool:
    """Whether `host` is an address of this machine that no other reaches, or the name of one."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
