"""Graphs exported once and kept: a later process encodes without torch."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from vectune.encode.backends.graph_aside import GRAPHS, graph_aside
from vectune.encode.export.manifest import is_export
from vectune.encode.resolve import weights_sha256
from vectune.errors import ModelError, StorageError
from vectune.store.atomic import PARTIAL, keep, storage_error
from vectune.store.cache_folder import cache_folder

if TYPE_CHECKING:
    from vectune.encode.sentence_encoder import SentenceEncoder

_LIBRARIES = {
    "openvino": ("openvino", "torch", "transformers", "sentence-transformers"),
    "onnx": ("onnxscript", "onnx", "torch", "transformers", "sentence-transformers"),
}
_LAYOUT = 2
"""Counted up when what is exported changes."""
_AROUND = (".json", ".py", ".txt", ".model")  # settings, a model's own code, and vocabularies
_SAME = 0.9999
_PROBES = ("a", "the cat sat on the mat, then left", "word " * 40, "Über 3 × 4 = 12 → ok? " * 8)

CachedRuntime = Literal["openvino", "onnx"]


class GraphMissing(ModelError):  # noqa: N818 - what was found
    """The cache has no graph of the model for `runtime`, or a damaged one, and none may be made now."""

    def __init__(self, model: str, runtime: CachedRuntime) -> None:
        super().__init__(f"No graph of {model} is kept for {runtime}.", "Open it with torch, or have it exported.")
        self.model = model
        self.runtime: CachedRuntime = runtime

    def __reduce__(self) -> tuple[type[GraphMissing], tuple[str, CachedRuntime]]:
        return type(self), (self.model, self.runtime)


def cached_graph(
    folder: Path, runtime: CachedRuntime, load: Callable[[], SentenceEncoder], *, anew: bool = False
) -> Path:
    """The folder of the graph of the model in `folder` for `runtime`, exported now if it is not in the cache.

    `load` gives the model in torch, fp32; it is called for an export alone. An export is checked against it and kept
    only if the vectors agree. With `anew` it takes the place of a graph that is there and can't be opened. Raises
    ModelError when the model can't be exported or the graph is not the model, StorageError when the cache can't be
    written.
    """
    kept = cache_folder() / GRAPHS / f"{runtime}-{_key(folder, runtime)}"
    if anew or not is_export(kept):
        _export(folder, runtime, kept, load(), anew=anew)
    with suppress(OSError):
        os.utime(kept)  # so that what nobody opens any more can be told, and cleared away
    return kept


def _key(folder: Path, runtime: CachedRuntime) -> str:
    """What decides the graph: weights, the small files around them, code too, and the libraries that write it."""
    digest = hashlib.sha256(f"{_LAYOUT} {weights_sha256(folder)}".encode())
    for file in sorted(file for file in folder.rglob("*") if file.suffix in _AROUND and file.is_file()):
        digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
    for name in _LIBRARIES[runtime]:
        try:
            digest.update(f"{name} {version(name)}".encode())
        except PackageNotFoundError:
            continue
    return digest.hexdigest()[:24]


def _export(folder: Path, runtime: CachedRuntime, kept: Path, encoder: SentenceEncoder, *, anew: bool) -> None:
    """Aside first, then renamed: another process that does the same at the same time is not disturbed."""
    from vectune.encode.export.folder import write_export

    try:
        with graph_aside(kept) as aside:
            write_export(encoder, folder, aside, runtime)
            _check(aside, runtime, encoder)
            aside.chmod(0o755)
            if anew or not is_export(kept):
                _move_away(kept)
            _keep(aside, kept)
    except OSError as error:
        raise storage_error(kept, error) from error


def _keep(aside: Path, kept: Path) -> None:
    """Flush `aside` and give it its name, unless another process was quicker."""
    try:
        keep(aside, kept)
    except StorageError:
        if not is_export(kept):
            raise


def _move_away(damaged: Path) -> None:
    """Free the name: what has it is no whole graph, and nothing can be renamed onto it."""
    gone = damaged.with_name(f".{damaged.name}.{uuid4().hex[:12]}{PARTIAL}")
    with suppress(FileNotFoundError):
        damaged.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _check(folder: Path, runtime: CachedRuntime, encoder: SentenceEncoder) -> None:
    """Raise ModelError unless the graph gives the model's vectors, for texts of several lengths in one batch."""
    from vectune.encode.backends.open_export import open_export

    graph = open_export(folder, encoder.name, precision="fp32")
    try:
        found = graph.encode(_PROBES)
    except Exception as error:  # what the runtimes raise while they run shares no class of its own
        what = f"The {runtime} graph of {encoder.name} does not run"
        raise ModelError.because(what, error, "Use --backend torch.") from error
    cosine = float((found * encoder.encode(_PROBES)).sum(axis=1).min())
    if not cosine >= _SAME:
        raise ModelError(
            f"The {runtime} graph of {encoder.name} is not the model: cosine {cosine:.4f}.", "Use --backend torch."
        )
