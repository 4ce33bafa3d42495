"""A query adapter on top of a model: query vectors go through a small map, document vectors stay the model's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from vectune.encode.encoder import Encoder, Vectors
from vectune.encode.tokenised import Idle, Tokenised, token_encoder
from vectune.encode.tokens import Tokens
from vectune.errors import ModelError
from vectune.monitor.progress import Progress
from vectune.records import Role

ADAPTER_FILE = "adapter.safetensors"
MANIFEST_FILE = "vectune_adapter.json"
_FORMAT = 1


@dataclass(frozen=True, eq=False)
class QueryAdapter:
    """A residual low-rank map of a query vector q: q' = normalise(q + U V q).

    `up` is U, float32 [dim, rank]; `down` is V, float32 [rank, dim]. With U = 0 nothing changes.
    """

    up: NDArray[np.float32]
    down: NDArray[np.float32]

    @property
    def dim(self) -> int:
        """Length of the vectors that it maps."""
        return int(self.up.shape[0])

    @property
    def rank(self) -> int:
        """Rank of U V."""
        return int(self.up.shape[1])

    @property
    def matrix(self) -> NDArray[np.float32]:
        """I + U V, float32 [dim, dim]: the whole map but for the normalisation."""
        return np.asarray(np.eye(self.dim, dtype=np.float32) + self.up @ self.down, dtype=np.float32)

    def scaled(self, share: float) -> QueryAdapter:
        """The same with `share` times U: 0 is the base, 1 the map as it is."""
        return QueryAdapter(np.asarray(self.up * np.float32(share), dtype=np.float32), self.down)

    def apply(self, vectors: Vectors) -> Vectors:
        """q' of each row of `vectors` [n, dim], of L2 norm 1."""
        mapped = vectors + (vectors @ self.down.T) @ self.up.T
        norms = np.linalg.norm(mapped, axis=1, keepdims=True)
        return np.asarray(mapped / np.maximum(norms, 1e-12), dtype=np.float32)


class AdaptedEncoder:
    """`base` with its queries adapted."""

    def __init__(self, base: Encoder, adapter: QueryAdapter, name: str) -> None:
        if adapter.dim != base.dim:
            raise ModelError(
                f"The adapter maps vectors of {adapter.dim} values, those of {base.name} have {base.dim}.",
                "Use it with the model that it was trained for.",
            )
        self.base = base
        self.adapter = adapter
        self.name = name

    @property
    def dim(self) -> int:
        """Length of a full vector."""
        return self.base.dim

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        """Vectors of `texts`, float32 [len(texts), dim], each of L2 norm 1; documents are exactly the base's."""
        vectors = self.base.encode(texts, role, progress)
        return self.adapter.apply(vectors) if role is Role.QUERY else vectors

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text before any cut; see Encoder."""
        return self.base.count_tokens(texts)

    @property
    def takes_tokens(self) -> bool:
        """Whether the base can be handed tokens in place of texts."""
        return token_encoder(self.base) is not None

    def tokenise(self, texts: Sequence[str], role: Role) -> Tokenised:
        """`texts` as the base takes them; see TokenEncoder. For a base that takes tokens."""
        base = token_encoder(self.base)
        assert base is not None
        return base.tokenise(texts, role)

    def encode_tokens(self, tokens: Tokens, role: Role, idle: Idle | None = None) -> Vectors:
        """Vectors of texts that `tokenise` read, as `encode` gives them."""
        base = token_encoder(self.base)
        assert base is not None
        vectors = base.encode_tokens(tokens, role, idle)
        return self.adapter.apply(vectors) if role is Role.QUERY else vectors


@dataclass(frozen=True)
class RemoteBase:
    """The model behind an endpoint that an adapter belongs to: what its vectors depend on, and no key."""

    model: str
    base_url: str
    dims: int | None
    query_prompt: str
    document_prompt: str


def save_adapter(adapter: QueryAdapter, folder: Path, *, base: str, remote: RemoteBase | None = None) -> None:
    """Leave the map and its manifest in `folder`: beside the base's own files, or alone for a `remote` base."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {"up": np.ascontiguousarray(adapter.up), "down": np.ascontiguousarray(adapter.down)}, folder / ADAPTER_FILE
    )
    content: dict[str, Any] = {
        "format": _FORMAT,
        "map": "q' = normalise(q + U V q) of query vectors; document vectors are the base model's own",
        "base": base,
        "dim": adapter.dim,
        "rank": adapter.rank,
        "remote": None if remote is None else vars(remote),
    }
    (folder / MANIFEST_FILE).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def has_adapter(folder: Path) -> bool:
    """Whether the model in `folder` is one with a query adapter."""
    return (folder / MANIFEST_FILE).is_file()


def read_adapter(folder: Path) -> tuple[QueryAdapter, RemoteBase | None]:
    """The map in `folder`, and its base if that is remote. ModelError when the files are damaged or do not fit."""
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        tensors = load_file(folder / ADAPTER_FILE)
        adapter = QueryAdapter(tensors["up"].astype(np.float32), tensors["down"].astype(np.float32))
        remote = None if manifest["remote"] is None else RemoteBase(**manifest["remote"])
        fits = manifest["format"] == _FORMAT and adapter.down.shape == (manifest["rank"], manifest["dim"])
        fits = fits and adapter.up.shape == adapter.down.shape[::-1]
    except Exception as error:  # safetensors tells a damaged file by an exception of its own
        raise ModelError.because(f"The adapter in {folder} can't be read", error, "Save the run again.") from error
    if not fits:
        raise ModelError(f"{MANIFEST_FILE} and {ADAPTER_FILE} in {folder} do not fit.", "Save the run again.")
    return adapter, remote
