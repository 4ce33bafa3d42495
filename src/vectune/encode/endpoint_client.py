"""One request to an OpenAI-compatible embeddings endpoint, its answer checked, its refusals as errors of ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vectune.config.remote import NO_KEY, Endpoint, RemoteConfig, key_variables
from vectune.encode.encoder import Vectors
from vectune.errors import ConfigError, ModelError, VectuneError

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

_SAID_CHARS = 300


class EndpointRefused(ModelError):  # noqa: N818 - what happened
    """The endpoint answered with a `status` that is no success; `said` is its own sentence, without the key.

    `retry_after` is when it wants to be asked again, in seconds, where it says so.
    """

    def __init__(
        self, message: str, hint: str = "", *, status: int = 0, said: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.said = said
        self.retry_after = retry_after


class EndpointSilent(ModelError):  # noqa: N818 - what happened
    """The endpoint can't be reached, or did not answer in time."""


class KeyRefused(ConfigError):  # noqa: N818 - what happened
    """The endpoint does not take the key."""


@dataclass(frozen=True, eq=False)
class EndpointAnswer:
    """Vectors of the texts of one request, float32 [texts, dim], L2 norm 1; `tokens` as the endpoint counted them."""

    vectors: Vectors
    tokens: int | None


class EndpointClient:
    """Owns a connection pool to one model of one endpoint; any number of threads may ask. Close it when done."""

    def __init__(self, model: str, place: Endpoint, config: RemoteConfig) -> None:
        self.model = model
        self.url = place.url
        self._key = place.key
        self._config = config
        self._client = _client(place, config)

    def __enter__(self) -> EndpointClient:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def ask(self, texts: Sequence[str]) -> EndpointAnswer:
        """The vectors of `texts` in order. EndpointRefused, EndpointSilent, KeyRefused, or ModelError for nonsense."""
        from openai import omit

        with self._translated():
            wanted = self._config.dims if self._config.dims is not None else omit
            answer = self._client.embeddings.create(model=self.model, input=list(texts), dimensions=wanted)
            rows = sorted(answer.data, key=lambda row: row.index)
            vectors = [np.asarray(row.embedding, dtype=np.float32) for row in rows]
            tokens = getattr(answer.usage, "prompt_tokens", None)
        return EndpointAnswer(self._checked(vectors, len(texts)), tokens if isinstance(tokens, int) else None)

    def _checked(self, vectors: list[NDArray[np.float32]], count: int) -> Vectors:
        lengths = {vector.shape for vector in vectors}
        wrong = ""
        if len(vectors) != count:
            wrong = f"{len(vectors)} vectors for {count} texts"
        elif len(lengths) != 1:
            wrong = "vectors of different lengths"
        elif self._config.dims is not None and lengths != {(self._config.dims,)}:
            wrong = f"vectors of {vectors[0].size} values where {self._config.dims} were asked for"
        if not wrong:
            table = np.stack(vectors)
            norms = np.linalg.norm(table, axis=1, keepdims=True)
            if np.isfinite(norms).all() and norms.min() > 0:
                return np.asarray(table / norms, dtype=np.float32)
            wrong = "vectors that are zero or not finite"
        raise self.nonsense(wrong)

    def nonsense(self, wrong: str) -> ModelError:
        """The error for an answer that can't be used, as `wrong` says."""
        return ModelError(
            f"{self.model} at {self.url} answered with {wrong}.", "Check that the endpoint serves an embedding model."
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """The client's exceptions as ours, without the key."""
        import openai

        try:
            yield
        except VectuneError:
            raise
        except openai.APIStatusError as error:
            raise self._refusal(error) from None
        except openai.APITimeoutError:
            raise EndpointSilent(
                f"{self.url} gave no answer within {self._config.timeout:g} s.",
                "Look whether it is up, lower remote.batch_texts or raise remote.timeout; what came is kept.",
            ) from None
        except openai.APIConnectionError:
            raise EndpointSilent(
                f"{self.url} can't be reached.", "Look whether it is up, and check --base-url; what came is kept."
            ) from None
        except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
            raise ModelError.because(
                f"{self.url} gave an answer that is none",
                ValueError(self._told(str(error))),
                "Is it an OpenAI-compatible endpoint?",
            ) from None

    def _refusal(self, error: APIStatusError) -> VectuneError:
        status = error.status_code
        if status in (401, 403):  # what the endpoint says of a key may hold a part of it
            return KeyRefused(
                f"{self.url} refused the key ({status}).", f"Set {key_variables(self._config)} to one that may."
            )
        own_words = self._told(_own_words(error))
        said: dict[str, Any] = {"status": status, "said": own_words, "retry_after": _retry_after(error)}
        if status == 404:
            return EndpointRefused(
                f"{self.url} has no embeddings of {self.model} (404).",
                "Check the model's name, and that the address ends where /embeddings follows (mostly in /v1).",
                **said,
            )
        if status == 429:
            return EndpointRefused(
                f"{self.url} refused, after up to {self._config.retries} retries: too many requests, or no quota left.",
                "Run it again later: what came is kept. remote.parallel=1 asks more slowly.",
                **said,
            )
        hint = "Shorten the texts with remote.max_chars, or send fewer at once with remote.batch_texts."
        if status >= 500:
            hint = "Run it again later: what came is kept."
        return EndpointRefused(f"{self.url} refused a request ({status}): {self._told(str(error))}", hint, **said)

    def _told(self, said: str) -> str:
        """What was said, on one line and without the key."""
        told = " ".join(said.split())
        return (told.replace(self._key, "***") if self._key != NO_KEY else told)[:_SAID_CHARS]


def _own_words(error: APIStatusError) -> str:
    """The endpoint's own sentence, if its error has the usual form."""
    body: Any = error.body
    message = body.get("message") if isinstance(body, dict) else None
    return message if isinstance(message, str) else ""


def _retry_after(error: APIStatusError) -> float | None:
    """Seconds, by the headers that clients look at; dates are passed over."""
    headers = error.response.headers
    for name, share in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(float(headers[name]) / share, 0.0)
        except (KeyError, ValueError):
            continue
    return None


def _client(place: Endpoint, config: RemoteConfig) -> OpenAI:
    try:
        from openai import OpenAI
    except ImportError as error:
        raise ModelError(
            "The client for remote models is not installed.", "Install it: pip install 'vectune[remote]'."
        ) from error
    for name in ("openai", "httpx", "httpx2", "httpcore"):  # at DEBUG they would log headers and texts
        logging.getLogger(name).setLevel(logging.WARNING)
    return OpenAI(base_url=place.url, api_key=place.key, max_retries=config.retries, timeout=config.timeout)
