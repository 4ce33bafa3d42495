"""From a name to a model that the service embeds with: one in memory, or one behind an endpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vectune.config.remote import REMOTE_PREFIX, Endpoint, RemoteConfig, endpoint, is_remote
from vectune.config.vectors import BackendName
from vectune.encode.adapted import QueryAdapter, RemoteBase, has_adapter, read_adapter
from vectune.encode.backends.graph_cache import CachedRuntime, GraphMissing
from vectune.encode.encoder import Encoder
from vectune.encode.endpoint_client import EndpointClient
from vectune.encode.open_encoder import Opening, open_at_once, open_encoder
from vectune.encode.remote import remote_model_name
from vectune.encode.resolve import resolve_model
from vectune.errors import ConfigError
from vectune.serve.reading import ServedModel
from vectune.serve.remote_model import Calls, RemoteModel, UpstreamFailed
from vectune.serve.shared_encoder import SharedEncoder, shared

_WARMING_TEXT = "warming up"
_LONE_TEXTS = 2
"""For the second OpenVINO makes what lone texts run in, which no caller is to wait for."""


Want = Callable[[str, CachedRuntime], None]
"""Hears of a model that is served without the graph that the runtime would have."""


class ModelOpener:
    """Opens models by name. `remote` says how endpoints are asked, `calls` asks them, `backend` runs the others.

    With `want` and the backend `auto` nothing is exported here: a model whose graph is not in the cache is opened with
    torch, and `want` hears of it.
    """

    def __init__(self, backend: BackendName, remote: RemoteConfig, calls: Calls, want: Want | None = None) -> None:
        self._backend: BackendName = backend
        self._remote = remote
        self._calls = calls
        self._want = want

    def __call__(self, name: str) -> ServedModel:
        """The model called `name`: a name, a folder, or `openai:MODEL`. See `open_encoder` for what is raised."""
        if is_remote(name):
            prompts = (self._remote.query_prompt, self._remote.document_prompt)
            return RemoteModel(self._client(name, self._remote.dims), self._calls, name, prompts=prompts)
        folder = Path(resolve_model(name).location)
        adapter, base = read_adapter(folder) if has_adapter(folder) else (None, None)
        if adapter is not None and base is not None:
            return self._adapted(name, adapter, base)
        return self._local(name)

    def _local(self, name: str) -> SharedEncoder:
        if self._want is None or self._backend != "auto":
            return _ready(open_encoder(name, Opening(backend=self._backend)), name)
        try:
            return _ready(open_encoder(name, Opening(exports=False)), name)
        except GraphMissing as missing:
            model = _ready(open_at_once(name), name)
            self._want(name, missing.runtime)  # now: before, its export would have taken from the loading
            return model

    def _adapted(self, name: str, adapter: QueryAdapter, base: RemoteBase) -> RemoteModel:
        """A tuned adapter over the endpoint's model, which must be at the address that it was trained with."""
        if self._place().url != base.base_url:
            raise UpstreamFailed("The remote model that this one was tuned on is not the server's upstream any more.")
        prompts = (base.query_prompt, base.document_prompt)
        return RemoteModel(self._client(REMOTE_PREFIX + base.model, base.dims), self._calls, name, adapter, prompts)

    def _client(self, name: str, dims: int | None) -> EndpointClient:
        """Nothing is tried twice: callers hear at once what is wrong, and clients try again by themselves."""
        config = self._remote.model_copy(update={"dims": dims, "retries": 0})
        return EndpointClient(remote_model_name(name), self._place(), config)

    def _place(self) -> Endpoint:
        try:
            return endpoint(self._remote)
        except ConfigError as error:
            raise UpstreamFailed("The server is not set up to ask the remote model behind this name.") from error


def _ready(encoder: Encoder, name: str) -> SharedEncoder:
    return shared(_warm(encoder), name)


def _warm(encoder: Encoder) -> Encoder:
    """The same after some texts alone: what a runtime makes ready on first use is there for the first caller."""
    for _ in range(_LONE_TEXTS):
        encoder.encode([_WARMING_TEXT])
    return encoder
