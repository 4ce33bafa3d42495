"""Opening models that are not all in one folder: behind an endpoint, or with a query adapter on top."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vectune.config.remote import REMOTE_PREFIX, RemoteConfig, endpoint, is_remote
from vectune.encode.adapted import AdaptedEncoder, QueryAdapter, RemoteBase, has_adapter, read_adapter
from vectune.encode.encoder import Encoder
from vectune.encode.remote import open_remote
from vectune.encode.resolve import resolve_model
from vectune.errors import ConfigError, ModelError


def open_adapted(folder: Path, name: str, remote: RemoteConfig, open_local: Callable[[], Encoder]) -> AdaptedEncoder:
    """The model in `folder` with its adapter; `open_local` opens the folder's own base, which ignores the adapter.

    For a remote base the prompts and dims are those it was trained with, and `remote` says how it is reached. Raises
    ConfigError when that is another endpoint than the one it was trained with, ModelError for damaged files.
    """
    adapter, base = read_adapter(folder)
    upstream = open_local() if base is None else _upstream(base, remote)
    return AdaptedEncoder(upstream, adapter, name)


def adapter_of(name: str) -> QueryAdapter | None:
    """The map on the queries of the model called `name`; None without one.

    Raises ModelError for one whose base is remote: nothing of it but the map is on this machine.
    """
    folder = Path(resolve_model(name).location)
    if not has_adapter(folder):
        return None
    adapter, remote = read_adapter(folder)
    if remote is not None:
        raise ModelError(
            f"The weights of {name} are behind {remote.base_url}.", "Name a model that is on this machine."
        )
    return adapter


def _upstream(base: RemoteBase, remote: RemoteConfig) -> Encoder:
    """The endpoint's model. An address out of a folder is never followed by itself: texts and key would go there."""
    here = endpoint(remote).url
    if here != base.base_url:
        raise ConfigError(
            f"The model's base {base.model} lies at {base.base_url}, but requests would go to {here}.",
            f"If you trust that address: --base-url {base.base_url}, or set VECTUNE_REMOTE_URL to it.",
        )
    trained = {"dims": base.dims, "query_prompt": base.query_prompt, "document_prompt": base.document_prompt}
    return open_remote(REMOTE_PREFIX + base.model, remote.model_copy(update=trained))


def open_model(name: str, remote: RemoteConfig, open_local: Callable[[], Encoder]) -> Encoder:
    """The model called `name`, wherever it is: behind an endpoint, a folder with a query adapter, or a plain one.

    `open_local` opens what lies at the name without its adapter, if it has one.
    """
    if is_remote(name):
        return open_remote(name, remote)
    folder = Path(resolve_model(name).location)
    return open_adapted(folder, name, remote, open_local) if has_adapter(folder) else open_local()
