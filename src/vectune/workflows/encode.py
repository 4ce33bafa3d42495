"""`vectune encode`: texts to vectors on disk."""

from __future__ import annotations

import io
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vectune.config import DataConfig, EncodeConfig
from vectune.data.texts import find_texts, read_texts
from vectune.encode.allocator import keep_large_blocks
from vectune.encode.dims import truncate
from vectune.encode.encoder import Vectors
from vectune.encode.loading import load_encoder
from vectune.errors import DataError, UsageError
from vectune.monitor.progress import Progress
from vectune.records import Role
from vectune.store.atomic import write_bytes

_ENDINGS = (".npy", ".parquet", ".jsonl")


@dataclass(frozen=True)
class EncodeReport:
    """What was written: `texts` vectors of `dim` values to `out`, in `seconds`."""

    texts: int
    dim: int
    out: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def encode(config: EncodeConfig, progress: Progress) -> EncodeReport:
    """Encode the texts at `config.path` and write them, in their order, in the form that the ending of `out` names.

    .npy: float32 [texts, dim]. .parquet and .jsonl: a row a text with `text` and `vector`.
    """
    if config.out.suffix not in _ENDINGS:
        raise UsageError(f"{config.out} ends in none of {', '.join(_ENDINGS)}.", "Choose one of these endings.")
    if not config.out.parent.is_dir():
        raise UsageError(f"There is no folder {config.out.parent} for {config.out.name}.", "Make it first.")
    find_texts(config.path)
    keep_large_blocks()
    progress.stage("load model")
    encoder = load_encoder(config.model, max_tokens=config.max_tokens)
    if config.dims is not None and not 1 <= config.dims <= encoder.dim:
        raise UsageError(f"--dims is {config.dims}, the model has {encoder.dim}.", f"Choose 1 to {encoder.dim}.")
    texts = list(read_texts(config.path, DataConfig(), config.column, gaps=False))
    if not texts:
        raise DataError(f"{config.path} holds no text.", "Give one text a line, or one a row.")
    progress.stage("encode", len(texts))
    started = time.perf_counter()
    vectors = encoder.encode(texts, Role(config.role), progress)
    seconds = time.perf_counter() - started
    if config.dims is not None:
        vectors = truncate(vectors, config.dims)
    write_bytes(config.out, _as_bytes(config.out, texts, vectors))
    return EncodeReport(len(texts), vectors.shape[1], str(config.out), round(seconds, 3))


def _as_bytes(out: Path, texts: list[str], vectors: Vectors) -> bytes:
    sink = io.BytesIO()
    if out.suffix == ".npy":
        np.save(sink, vectors, allow_pickle=False)
    elif out.suffix == ".parquet":
        flat = pa.array(vectors.reshape(-1), pa.float32())
        column = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
        pq.write_table(pa.table({"text": pa.array(texts, pa.string()), "vector": column}), sink)
    else:
        for text, vector in zip(texts, vectors, strict=True):
            line = json.dumps({"text": text, "vector": vector.tolist()}, ensure_ascii=False)
            sink.write(line.encode() + b"\n")
    return sink.getvalue()
