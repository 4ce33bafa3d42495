"""Settings of the remote models that the service answers for."""

from __future__ import annotations

from pydantic import Field, field_validator

from vectune.config.model import Config
from vectune.config.remote import REMOTE_PREFIX, RemoteConfig, checked_address

WELL_KNOWN_MODELS = ("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002")
"""Names that people's scripts hold; each stands for the default model unless the settings say otherwise."""


class UpstreamConfig(Config):
    """Names that an OpenAI-compatible endpoint elsewhere answers for, and under which jobs train a query adapter."""

    url: str | None = None
    """Address of the endpoint, such as https://api.openai.com/v1; without one no name is answered from elsewhere. Texts
    are sent there."""
    key_variable: str | None = None
    """Name of the environment variable that holds the endpoint's key, which is never written down; by default
    VECTUNE_REMOTE_KEY, else OPENAI_API_KEY."""
    models: dict[str, str] = dict(zip(WELL_KNOWN_MODELS, WELL_KNOWN_MODELS, strict=True))
    """Names that clients use, each with the endpoint's own name of the model."""
    dims: int | None = Field(None, ge=1)
    """Length of the vectors to ask for, for models that offer several; by default the model's own."""
    parallel: int = Field(16, ge=1, le=256)
    """Requests to the endpoint under way at the same time; some more wait, and beyond that callers are told to come
    back."""
    timeout: float = Field(30.0, gt=0)
    """Seconds after which a request for a caller counts as lost without an answer; `jobs.remote.timeout` is that of
    jobs."""

    @field_validator("url")
    @classmethod
    def _plain_address(cls, url: str | None) -> str | None:
        return None if url is None else checked_address(url)

    @property
    def names(self) -> dict[str, str]:
        """Names that clients use, each with the model as vectune calls it; none without an endpoint."""
        return {name: REMOTE_PREFIX + model for name, model in self.models.items()} if self.url else {}

    def laid_over(self, remote: RemoteConfig) -> RemoteConfig:
        """`remote` with this endpoint in place of its own, where there is one."""
        if self.url is None:
            return remote
        return remote.model_copy(update={"base_url": self.url, "key_variable": self.key_variable, "dims": self.dims})
