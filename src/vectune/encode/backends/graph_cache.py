"""Graphs exported once and kept: a later process encodes without torch."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vectune.encode.export.manifest import is_export
from vectune.encode.resolve import weights_sha256
from vectune.errors import ModelError
from vectune.store.atomic import storage_error
from vectune.store.cache_folder import cache_folder

if TYPE_CHECKING:
    from vectune.encode.sentence_encoder import SentenceEncoder

GRAPHS = "graphs"
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


def cached_graph(folder: Path, runtime: CachedRuntime, load: Callable[[], SentenceEncoder]) -> Path:
    """The folder of the graph of the model in `folder` for `runtime`, exported now if it is not in the cache.

    `load` gives the model in torch, fp32; it is called for an export alone. An export is checked against it and kept
    only if the vectors agree. Raises ModelError when the model can't be exported or the graph is not the model,
    StorageError when the cache can't be written.
    """
    kept = cache_folder() / GRAPHS / f"{runtime}-{_key(folder, runtime)}"
    if not is_export(kept):
        _export(folder, runtime, kept, load())
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


def _export(folder: Path, runtime: CachedRuntime, kept: Path, encoder: SentenceEncoder) -> None:
    """Aside first, then renamed: another process that does the same at the same time is not disturbed."""
    from vectune.encode.export.folder import write_export

    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{kept.name}.", dir=kept.parent))
    except OSError as error:
        raise storage_error(kept, error) from error
    try:
        write_export(encoder, folder, aside, runtime)
        _check(aside, runtime, encoder)
        aside.chmod(0o755)
        try:
            aside.rename(kept)
        except OSError:
            if not is_export(kept):
                raise
    except OSError as error:
        raise storage_error(kept, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _check(folder: Path, runtime: CachedRuntime, encoder: SentenceEncoder) -> None:
    """Raise ModelError unless the graph gives the model's vectors, for texts of several lengths in one batch."""
    from vectune.encode.backends.open_export import open_export

    found = open_export(folder, encoder.name, precision="fp32").encode(_PROBES)
    cosine = float((found * encoder.encode(_PROBES)).sum(axis=1).min())
    if not cosine >= _SAME:
        raise ModelError(
            f"The {runtime} graph of {encoder.name} is not the model: cosine {cosine:.4f}.", "Use --backend torch."
        )
