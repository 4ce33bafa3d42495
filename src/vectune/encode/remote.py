"""A model behind an OpenAI-compatible embeddings endpoint: texts go out in batches, vectors are fetched once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vectune.config.remote import NO_KEY, REMOTE_PREFIX, Endpoint, RemoteConfig, endpoint, is_remote
from vectune.encode.encoder import Vectors
from vectune.encode.vector_cache import VECTORS_FILE, VectorCache, vector_key
from vectune.errors import ConfigError, ModelError, VectuneError
from vectune.monitor.progress import Progress
from vectune.records import Role
from vectune.store.cache_folder import cache_folder

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

_PROBE = "How long is a vector?"
_SAID_CHARS = 300


def open_remote(name: str, config: RemoteConfig | None = None, cache: VectorCache | None = None) -> RemoteEncoder:
    """The model `openai:MODEL` at the endpoint of `config` and the environment; nothing is asked yet.

    Vectors are kept in `cache`, by default the one in vectune's cache folder. Raises ConfigError for a name that is no
    remote one or an endpoint that lacks its key, ModelError without the client library.
    """
    config = config or RemoteConfig()
    model = name.removeprefix(REMOTE_PREFIX)
    if not is_remote(name) or not model:
        raise ConfigError(f"{name} names no model behind an endpoint.", f"Write {REMOTE_PREFIX}MODEL.")
    return RemoteEncoder(model, endpoint(config), config, cache or VectorCache(cache_folder() / VECTORS_FILE))


class RemoteEncoder:
    """Each distinct text is sent once, ever: vectors are looked up by endpoint, model, dims and text.

    What came back is on disk before the next answer is read, so an error or a crash loses none of it.
    """

    max_tokens = 1_000_000_000
    """Nobody says where the endpoint cuts."""

    def __init__(self, model: str, place: Endpoint, config: RemoteConfig, cache: VectorCache) -> None:
        self.model = model
        self.config = config
        self.url = place.url
        self._key = place.key
        self._cache = cache
        self._connect = partial(_client, place, config)
        self._connect().close()  # what is missing is said before any work
        self._dim = 0

    @property
    def name(self) -> str:
        """How people call the model: `openai:MODEL`."""
        return REMOTE_PREFIX + self.model

    @property
    def dim(self) -> int:
        """Length of a vector, found by asking for one the first time."""
        if not self._dim:
            self._dim = self.encode([_PROBE]).shape[1]
        return self._dim

    def prompt(self, role: Role) -> str:
        """The text that goes before a query or a document."""
        return self.config.query_prompt if role is Role.QUERY else self.config.document_prompt

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        """Vectors of `texts`, float32 [len(texts), dim], each of L2 norm 1; order kept; the role's prompt applied.

        Raises ConfigError or ModelError that say why when the endpoint refuses, stays silent or answers nonsense.
        """
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)

        def told(count: int) -> None:
            if progress is not None:
                progress.advance(count)

        sent = [(self.prompt(role) + text)[: self.config.max_chars] for text in texts]
        keys = [vector_key(self.url, self.model, str(self.config.dims), text) for text in sent]
        return self._cache.through(sent, keys, self._fetch, told)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Words of each text, since the model's tokenizer is not here: int64 [len(texts)]."""
        return np.array([len(text.split()) for text in texts], dtype=np.int64)

    def _fetch(self, texts: list[str]) -> Iterator[tuple[Sequence[int], Vectors]]:
        """Ask for all texts, a few requests at a time; on an error what was under way is still waited for and kept."""
        batches = iter(cut_batches(texts, self.config.batch_texts, self.config.batch_chars))
        failed: BaseException | None = None
        with (
            self._connect() as client,
            ThreadPoolExecutor(self.config.parallel, thread_name_prefix="vectune-remote") as pool,
        ):

            def ask(batch: range) -> Future[Vectors]:
                return pool.submit(self._ask, client, texts[batch.start : batch.stop])

            waiting = {ask(batch): batch for batch in islice(batches, self.config.parallel)}
            while waiting:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    batch = waiting.pop(future)
                    failed = failed or future.exception()
                    following = None if failed else next(batches, None)
                    if following is not None:
                        waiting[ask(following)] = following
                    if future.exception() is None:
                        yield batch, future.result()
        if failed is not None:
            raise failed

    def _ask(self, client: OpenAI, texts: list[str]) -> Vectors:
        """One request: vectors [len(texts), dim] of L2 norm 1."""
        from openai import omit

        with self._translated():
            wanted = self.config.dims if self.config.dims is not None else omit
            answer = client.embeddings.create(model=self.model, input=texts, dimensions=wanted)
            rows = sorted(answer.data, key=lambda row: row.index)
            vectors = [np.asarray(row.embedding, dtype=np.float32) for row in rows]
        return self._checked(vectors, len(texts))

    def _checked(self, vectors: list[NDArray[np.float32]], count: int) -> Vectors:
        lengths = {vector.shape for vector in vectors}
        wrong = ""
        if len(vectors) != count:
            wrong = f"{len(vectors)} vectors for {count} texts"
        elif len(lengths) != 1:
            wrong = "vectors of different lengths"
        elif self.config.dims is not None and lengths != {(self.config.dims,)}:
            wrong = f"vectors of {vectors[0].size} values where {self.config.dims} were asked for"
        elif self._dim and lengths != {(self._dim,)}:
            wrong = f"vectors of {vectors[0].size} values where it gave {self._dim} before"
        if not wrong:
            table = np.stack(vectors)
            norms = np.linalg.norm(table, axis=1, keepdims=True)
            if np.isfinite(norms).all() and norms.min() > 0:
                return np.asarray(table / norms, dtype=np.float32)
            wrong = "vectors that are zero or not finite"
        raise ModelError(
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
            raise ModelError(
                f"{self.url} gave no answer within {self.config.timeout:g} s.",
                "Look whether it is up, lower remote.batch_texts or raise remote.timeout; what came is kept.",
            ) from None
        except openai.APIConnectionError:
            raise ModelError(
                f"{self.url} can't be reached.", "Look whether it is up, and check --base-url; what came is kept."
            ) from None
        except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
            raise ModelError(
                f"{self.url} gave an answer that is none: {self._told(error)}", "Is it an OpenAI-compatible endpoint?"
            ) from None

    def _refusal(self, error: APIStatusError) -> VectuneError:
        status = error.status_code
        if status in (401, 403):  # what the endpoint says of a key may hold a part of it
            return ConfigError(
                f"{self.url} refused the key ({status}).", "Set VECTUNE_REMOTE_KEY or OPENAI_API_KEY to one that may."
            )
        if status == 404:
            return ModelError(
                f"{self.url} has no embeddings of {self.model} (404).",
                "Check the model's name, and that the address ends where /embeddings follows (mostly in /v1).",
            )
        if status == 429:
            return ModelError(
                f"{self.url} still refused after {self.config.retries} retries: too many requests, or no quota left.",
                "Run it again later: what came is kept. remote.parallel=1 asks more slowly.",
            )
        hint = "Shorten the texts with remote.max_chars, or send fewer at once with remote.batch_texts."
        if status >= 500:
            hint = "Run it again later: what came is kept."
        return ModelError(f"{self.url} refused a request ({status}): {self._told(error)}", hint)

    def _told(self, error: Exception) -> str:
        """What an exception says, on one line and without the key."""
        told = " ".join(str(error).split())
        return (told.replace(self._key, "***") if self._key != NO_KEY else told)[:_SAID_CHARS]


def cut_batches(texts: Sequence[str], most_texts: int, most_chars: int) -> Iterator[range]:
    """Ranges of neighbouring texts, none with more than `most_texts` or `most_chars`; one text at least."""
    start = chars = 0
    for place, text in enumerate(texts):
        full = place - start >= most_texts or chars + len(text) > most_chars
        if place > start and full:
            yield range(start, place)
            start, chars = place, 0
        chars += len(text)
    if start < len(texts):
        yield range(start, len(texts))


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
