"""What other models say about the training texts: the vectors of a teacher and of a guide, computed once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vectune.config.train import TrainConfig
from vectune.encode.adapted import AdaptedEncoder
from vectune.encode.encoder import Encoder
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.weights_key import weights_key
from vectune.errors import StorageError
from vectune.monitor.progress import Progress
from vectune.records import Role
from vectune.store.atomic import file_aside, storage_error, write_text
from vectune.store.checksums import checksum
from vectune.train.pool import TextPool

Reference = SentenceEncoder | AdaptedEncoder
Load = Callable[[str], Reference]
_ADDRESS = re.compile(" at 0x[0-9a-f]+")
"""How Python writes a function or object without a name of its own: different in every process."""
SELF = "self"
"""The guide's name where it is the base model itself."""


class TextVectors:
    """Vectors of all texts of a pool, by number: float16 [texts, dim], mapped from a file and not read whole.

    `key` names what they were computed from: the model's weights and settings, and the texts.
    """

    def __init__(self, vectors: NDArray[np.float16], key: str) -> None:
        self._vectors = vectors
        self.key = key

    def at(self, numbers: NDArray[np.int64], device: torch.device | None = None) -> Tensor:
        """Vectors of the texts with these numbers: float32 [len(numbers), dim], L2 norm 1."""
        chosen = np.asarray(self._vectors[numbers], dtype=np.float32)
        # Half precision moved the norm by up to one in a thousand.
        return F.normalize(torch.from_numpy(chosen).to(device), dim=1)


@dataclass(frozen=True)
class References:
    """The vectors that training looks at beside those of the model in training; None where none were asked for."""

    teacher: TextVectors | None = None
    guide: TextVectors | None = None

    @property
    def key(self) -> str:
        """Names the content of both; empty without either."""
        parts = {"teacher": self.teacher, "guide": self.guide}
        return " ".join(f"{role}={vectors.key}" for role, vectors in parts.items() if vectors is not None)


NO_REFERENCES = References()


def consult(
    pool: TextPool, config: TrainConfig, base: str, folder: Path, progress: Progress, load: Load = load_encoder
) -> References:
    """What the teacher and the guide of `config` say about the texts of `pool`; `base` is the guide called `self`.

    `load` opens a model by its name. The vectors are kept in `folder` under the hash of model and texts: an interrupted
    run that goes on, and a guide that is the teacher too, find them there. Each model is let go of before the next.
    Raises ModelError when one can't be loaded, StorageError when the disk refuses.
    """
    guide = base if config.guide == SELF else config.guide

    def vectors(stage: str, name: str) -> TextVectors:
        return text_vectors(pool, load(name), folder, stage, progress)

    return References(
        teacher=vectors("teacher", config.teacher) if config.teacher else None,
        guide=vectors("guide", guide) if guide else None,
    )


def text_vectors(pool: TextPool, encoder: Reference, folder: Path, stage: str, progress: Progress) -> TextVectors:
    """The vectors that `encoder` gives the texts of `pool`: those in `folder` where they are what was kept, else
    computed and kept. Where damaged ones were found, that is said. StorageError when the disk refuses."""
    key = _key(content_key(encoder), pool)
    file = folder / f"{key}.npy"
    shape = (len(pool), encoder.dim)
    vectors = _read(file, shape)
    if vectors is None:
        if file.exists():
            progress.note(f"the vectors of the {stage} that were kept are damaged: they are computed again")
        progress.stage(stage, len(pool))
        _write(file, pool, encoder, progress)
        vectors = _read(file, shape)
    if vectors is None:
        raise StorageError(f"{file} could not be read back.", "Look at the disk that it lies on, and run it again.")
    return TextVectors(vectors, key)


def content_key(encoder: Encoder) -> str:
    """SHA-256 (hex) over the weights, modules, prompts, limit and arithmetic that decide an encoder's vectors.

    Of a model with a query adapter, over those of its base and the map. TypeError for encoders without weights here.
    """
    if isinstance(encoder, AdaptedEncoder):
        adapter = encoder.adapter
        return hashlib.sha256(
            content_key(encoder.base).encode() + adapter.up.tobytes() + adapter.down.tobytes()
        ).hexdigest()
    if not isinstance(encoder, SentenceEncoder):
        raise TypeError(f"{encoder.name} has no weights on this machine")
    prompts = (encoder.prompt(Role.QUERY), encoder.prompt(Role.DOCUMENT))
    modules = _ADDRESS.sub("", str(encoder.model))
    digest = hashlib.sha256()
    for part in (*prompts, str(encoder.max_tokens), encoder.precision, modules):
        digest.update(f"{len(part)}:{part}".encode())
    digest.update(weights_key(encoder.model).encode())
    return digest.hexdigest()


def _key(model: str, pool: TextPool) -> str:
    digest = hashlib.sha256(model.encode())
    for role, text in pool:
        raw = text.encode("utf-8", "surrogatepass")
        digest.update(f"{role.value}:{len(raw)}:".encode())
        digest.update(raw)
    return digest.hexdigest()


def _read(file: Path, shape: tuple[int, int]) -> NDArray[np.float16] | None:
    """The vectors in `file`, mapped; None where there are none, or not those that were written."""
    try:
        if _sum_beside(file).read_text(encoding="ascii") != checksum(file):
            return None
        vectors = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):  # not there, cut short, or no array at all
        return None
    return vectors if (vectors.shape, vectors.dtype) == (shape, np.float16) else None


def _sum_beside(file: Path) -> Path:
    return file.with_suffix(".sha256")


def _write(file: Path, pool: TextPool, encoder: Encoder, progress: Progress) -> None:
    """Encode all texts into a file aside, block by block, which takes the name when it is whole; then its SHA-256."""
    kind = {"descr": np.dtype(np.float16).str, "fortran_order": False, "shape": (len(pool), encoder.dim)}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(file.parent, error, "made") from error
    with file_aside(file) as stream:
        np.lib.format.write_array_header_1_0(stream, kind)
        for block in pool.encode(encoder, progress):
            stream.write(block.astype(np.float16).tobytes())
    write_text(_sum_beside(file), checksum(file))
