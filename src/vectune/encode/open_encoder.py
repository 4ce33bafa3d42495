"""Any model as an encoder, in the fastest runtime there is: the one door for whoever only wants vectors."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vectune.config.remote import RemoteConfig
from vectune.config.vectors import BackendName, EncodePrecision
from vectune.encode.backends.choose import Chosen, choose_backend
from vectune.encode.backends.graph_cache import CachedRuntime, GraphMissing, cached_graph
from vectune.encode.backends.open_export import open_export
from vectune.encode.backends.static import TableEncoder, is_token_table
from vectune.encode.encoder import Encoder
from vectune.encode.export.manifest import is_export, read_manifest
from vectune.encode.open_adapted import open_model
from vectune.encode.resolve import resolve_model
from vectune.errors import ConfigError, ModelError, StorageError
from vectune.monitor.progress import Progress, Silent

if TYPE_CHECKING:
    from vectune.encode.sentence_encoder import SentenceEncoder


@dataclass(frozen=True)
class Opening:
    """How a model is opened. `device` is a torch device; `max_tokens` cuts texts earlier than the model would.

    Without `exports` a model whose graph is not in the cache yet is refused with GraphMissing.
    """

    backend: BackendName = "auto"
    precision: EncodePrecision = "auto"
    device: str | None = None
    max_tokens: int | None = None
    trust_remote_code: bool = False
    remote: RemoteConfig = field(default_factory=RemoteConfig)
    exports: bool = True


def open_encoder(name: str, opening: Opening | None = None, progress: Progress | None = None) -> Encoder:
    """The model called `name`: a path, a run folder, an exported folder, a name, or `openai:MODEL`.

    An exported folder runs in the runtime that it was made for; a query adapter is applied; any other model runs in
    `opening.backend`. For OpenVINO and onnxruntime the model is exported on first use and kept in vectune's cache.
    `auto` falls back to torch, and tells `progress`, where the model can't be exported. Raises ModelError when the
    model or the runtime is missing, ConfigError when the backend does not go with the model.
    """
    opening = opening or Opening()
    return open_model(name, opening.remote, partial(_open_local, name, opening, progress or Silent()))


def open_at_once(name: str) -> Encoder:
    """The model called `name` in torch on the CPU, as soon as it can be had: for who will have its graph later.

    Raises what `open_encoder` raises.
    """
    return open_model(name, RemoteConfig(), partial(_open_at_once, name))


def is_exported(name: str) -> bool:
    """Whether `name` is the path of a folder that vectune exported, which runs in its own runtime alone."""
    return is_export(Path(name).expanduser())


def _open_local(name: str, opening: Opening, progress: Progress) -> Encoder:
    """What lies at `name` without its adapter, if it has one."""
    resolved = resolve_model(name)
    folder = Path(resolved.location)
    if resolved.origin != "hub" and is_export(folder):
        return _open_export(folder, name, opening)
    if resolved.origin == "hub":
        _open_torch(name, opening)  # fetches it
        folder = Path(resolve_model(name).location)
    backend = opening.backend
    chosen = _chosen(folder, opening.device) if backend == "auto" else backend
    if chosen == "static":
        if not is_token_table(folder):
            raise ConfigError(f"{name} is no token table.", "Choose another --backend, or tune with --method static.")
        return TableEncoder(folder, name, opening.max_tokens)
    if chosen == "torch" or not folder.is_dir():
        return _open_torch(name, opening)
    try:
        return _open_graph(folder, "onnx" if chosen == "onnx" else "openvino", name, opening, progress)
    except GraphMissing:
        raise
    except (ModelError, StorageError) as error:
        if backend != "auto":
            raise
        progress.note(f"{error.message} torch is used instead.")
        return _open_torch(name, opening)


def _open_at_once(name: str) -> Encoder:
    from vectune.encode.backends.plain_bert import open_plain

    return open_plain(Path(resolve_model(name).location), name) or _open_torch(name, Opening(device="cpu"))


def _chosen(folder: Path, device: str | None) -> Chosen:
    """What is fastest here. Where that is torch for a GPU's sake, torch is asked whether it can use it."""
    chosen = choose_backend(folder, device)
    if chosen == "torch" and device is None:
        from vectune.encode.precision import default_device

        if default_device() == "cpu":
            return choose_backend(folder, "cpu")
    return chosen


def _open_export(folder: Path, name: str, opening: Opening) -> Encoder:
    runtime = read_manifest(folder).runtime
    if opening.backend not in ("auto", runtime):
        raise ConfigError(
            f"{name} was exported for {runtime}, not for {opening.backend}.", "Leave out --backend, or export it again."
        )
    return open_export(
        folder, name, precision=opening.precision, max_tokens=opening.max_tokens,
        trust_remote_code=opening.trust_remote_code,
    )  # fmt: skip


def _open_graph(folder: Path, runtime: CachedRuntime, name: str, opening: Opening, progress: Progress) -> Encoder:
    """The model's graph out of the cache; one that is damaged there is exported once more."""
    exported = False

    def load() -> SentenceEncoder:
        nonlocal exported
        exported = True
        if not opening.exports:
            raise GraphMissing(name, runtime)
        from vectune.encode.loading import load_encoder

        progress.note(f"{name} is exported for {runtime}, once")
        return load_encoder(name, precision="fp32", device="cpu", trust_remote_code=opening.trust_remote_code)

    def open_kept(*, anew: bool) -> Encoder:
        kept = cached_graph(folder, runtime, load, anew=anew)
        return open_export(kept, name, precision=opening.precision, max_tokens=opening.max_tokens)

    try:
        return open_kept(anew=False)
    except ModelError:
        if exported:
            raise
    return open_kept(anew=True)


def _open_torch(name: str, opening: Opening) -> Encoder:
    from vectune.encode.loading import load_encoder

    return load_encoder(
        name,
        precision=opening.precision,
        max_tokens=opening.max_tokens,
        device=opening.device,
        trust_remote_code=opening.trust_remote_code,
    )
