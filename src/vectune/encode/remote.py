"""A model behind an OpenAI-compatible embeddings endpoint: texts go out in batches, vectors are fetched once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from vectune.config.remote import REMOTE_PREFIX, Endpoint, RemoteConfig, endpoint, is_remote
from vectune.encode.encoder import Vectors
from vectune.encode.endpoint_client import EndpointClient
from vectune.encode.vector_cache import VECTORS_FILE, VectorCache, vector_key
from vectune.errors import ConfigError
from vectune.monitor.progress import Progress
from vectune.records import Role
from vectune.store.cache_folder import cache_folder

_PROBE = "How long is a vector?"


def open_remote(name: str, config: RemoteConfig | None = None, cache: VectorCache | None = None) -> RemoteEncoder:
    """The model `openai:MODEL` at the endpoint of `config` and the environment; nothing is asked yet.

    Vectors are kept in `cache`, by default the one in vectune's cache folder. Raises ConfigError for a name that is no
    remote one or an endpoint that lacks its key, ModelError without the client library.
    """
    config = config or RemoteConfig()
    model = remote_model_name(name)
    return RemoteEncoder(model, endpoint(config), config, cache or VectorCache(cache_folder() / VECTORS_FILE))


def remote_model_name(name: str) -> str:
    """MODEL of `openai:MODEL`; ConfigError for a name that is none."""
    model = name.removeprefix(REMOTE_PREFIX)
    if not is_remote(name) or not model:
        raise ConfigError(f"{name} names no model behind an endpoint.", f"Write {REMOTE_PREFIX}MODEL.")
    return model


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
        self._cache = cache
        self._connect = partial(EndpointClient, model, place, config)
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

    def _ask(self, client: EndpointClient, texts: list[str]) -> Vectors:
        """One request: vectors [len(texts), dim] of L2 norm 1, as long as those before."""
        vectors = client.ask(texts).vectors
        if self._dim and vectors.shape[1] != self._dim:
            raise self._cache.other_model(self._dim, vectors.shape[1])
        return vectors


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
