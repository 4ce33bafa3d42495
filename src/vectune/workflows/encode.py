"""`vectune encode`: texts to vectors on disk."""

from __future__ import annotations

import io
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vectune.config import DataConfig, EncodeConfig
from vectune.data.texts import find_texts, read_texts
from vectune.encode.allocator import keep_large_blocks
from vectune.encode.dims import truncate
from vectune.encode.open_encoder import Opening, open_encoder
from vectune.encode.vector_types import TypedVectors, to_type, type_loss
from vectune.errors import DataError, UsageError
from vectune.monitor.progress import Progress
from vectune.records import Role
from vectune.store.atomic import write_bytes

_ENDINGS = (".npy", ".parquet", ".jsonl")


@dataclass(frozen=True)
class EncodeReport:
    """What was written: `texts` vectors of `dim` values of `type` to `out`, in `seconds`.

    `scale` is what an int8 value is multiplied by (1 for other types). `loss` is what the type lost against float32:
    `texts`, `cosine` and `top_10`; None for float32.
    """

    texts: int
    dim: int
    out: str
    seconds: float
    type: str
    scale: float
    loss: dict[str, Any] | None

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def encode(config: EncodeConfig, progress: Progress) -> EncodeReport:
    """Encode the texts at `config.path` and write them, in their order, in the form that the ending of `out` names.

    .npy: [texts, dim] of the type; binary is uint8 [texts, dim / 8 rounded up]. .parquet and .jsonl: a row a text with
    `text` and `vector`.
    """
    if config.out.suffix not in _ENDINGS:
        raise UsageError(f"{config.out} ends in none of {', '.join(_ENDINGS)}.", "Choose one of these endings.")
    if not config.out.parent.is_dir():
        raise UsageError(f"There is no folder {config.out.parent} for {config.out.name}.", "Make it first.")
    find_texts(config.path)
    if config.keep_large_blocks:
        keep_large_blocks()
    progress.stage("load model")
    opening = Opening(
        backend=config.backend, precision=config.precision, max_tokens=config.max_tokens,
        trust_remote_code=config.trust_remote_code, remote=config.remote,
    )  # fmt: skip
    encoder = open_encoder(config.model, opening, progress)
    if config.dims is not None and config.dims > encoder.dim:
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
    typed = to_type(vectors, config.type)
    loss = None if config.type == "float32" else asdict(type_loss(vectors, typed))
    write_bytes(config.out, _as_bytes(config.out, texts, typed))
    return EncodeReport(len(texts), typed.dim, str(config.out), round(seconds, 3), config.type, typed.scale, loss)


def _as_bytes(out: Path, texts: list[str], typed: TypedVectors) -> bytes:
    sink = io.BytesIO()
    if out.suffix == ".npy":
        np.save(sink, typed.values, allow_pickle=False)
    elif out.suffix == ".parquet":
        _write_parquet(sink, texts, typed)
    else:
        for text, vector in zip(texts, typed.values, strict=True):
            line = json.dumps({"text": text, "vector": vector.tolist()}, ensure_ascii=False)
            sink.write(line.encode() + b"\n")
    return sink.getvalue()


def _write_parquet(sink: io.BytesIO, texts: list[str], typed: TypedVectors) -> None:
    """The type, the number of dims and the scale go into the file's metadata, so that nobody has to remember them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    column = pa.FixedSizeListArray.from_arrays(pa.array(typed.values.reshape(-1)), typed.values.shape[1])
    told = {"vectune.type": typed.kind, "vectune.dims": str(typed.dim), "vectune.scale": repr(typed.scale)}
    table = pa.table({"text": pa.array(texts, pa.string()), "vector": column})
    pq.write_table(table.replace_schema_metadata(told), sink)
