"""A token table run by numpy alone: a text's vector is the mean of its tokens' rows, scaled to L2 norm 1.

The folder is a sentence-transformers StaticEmbedding, which is loaded without sentence-transformers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from vectune.encode.encoder import Vectors
from vectune.encode.prompts import saved_prompts
from vectune.encode.tokenised import Idle, Tokenised
from vectune.encode.tokens import Tokens, pack
from vectune.errors import ModelError
from vectune.monitor.progress import Progress
from vectune.records import Role

_BLOCK = 2048


def is_token_table(folder: Path) -> bool:
    """Whether `folder` is a StaticEmbedding with nothing after it but a scaling to norm 1."""
    kinds = [str(module.get("type", "")).rsplit(".", 1)[-1] for module in _modules(folder)]
    return kinds[:1] == ["StaticEmbedding"] and set(kinds[1:]) <= {"Normalize"} and _has_plain_table(folder)


class TableEncoder:
    """Owns a table, float32 [tokens, dim], and its tokenizer; nothing is cut unless `max_tokens` says so."""

    takes_tokens = True

    def __init__(self, folder: Path, name: str, max_tokens: int | None = None) -> None:
        self.name = name
        self.precision = "fp32"
        self._limit = max_tokens
        place = _table_folder(folder)
        try:
            self._table = np.asarray(load_file(place / "model.safetensors")["embedding.weight"], dtype=np.float32)
            self._tokenizer = Tokenizer.from_file(str(place / "tokenizer.json"))
        except Exception as error:  # both libraries raise Exceptions of their own
            what = f"The token table in {place} can't be read"
            raise ModelError.because(what, error, "Save the model again.") from error
        self._tokenizer.no_padding()
        self._query_prompt, self._document_prompt = saved_prompts(folder)

    @property
    def dim(self) -> int:
        """Length of a full vector."""
        return int(self._table.shape[1])

    def prompt(self, role: Role) -> str:
        """The text that goes before a query or a document."""
        return self._query_prompt if role is Role.QUERY else self._document_prompt

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        """Vectors of `texts`, float32 [len(texts), dim], each of L2 norm 1 (0 for a text without a known token)."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        prompt = self.prompt(role)
        for start in range(0, len(texts), _BLOCK):
            block = [prompt + text for text in texts[start : start + _BLOCK]]
            vectors[start : start + len(block)] = self._means(self._ids(block))
            if progress is not None:
                progress.advance(len(block))
        return vectors

    def tokenise(self, texts: Sequence[str], role: Role) -> Tokenised:
        """`texts` as `encode_tokens` takes them, and how many tokens each has; see TokenEncoder."""
        prompt = self.prompt(role)
        encodings = self._tokenizer.encode_batch_fast([prompt + text for text in texts], add_special_tokens=False)
        lists = [encoding.ids for encoding in encodings]
        counts = self.count_tokens(texts) if prompt else np.array([len(ids) for ids in lists], dtype=np.int64)
        return Tokenised(counts, pack([ids[: self._limit] for ids in lists]))

    def encode_tokens(self, tokens: Tokens, role: Role, idle: Idle | None = None) -> Vectors:
        """Vectors of texts that `tokenise` read, as `encode` gives them."""
        return self._means(np.split(tokens.ids, tokens.offsets[1:-1]))

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text before any cut: int64 [len(texts)]."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return np.array([len(encoding.ids) for encoding in encodings], dtype=np.int64)

    def _ids(self, texts: list[str]) -> list[list[int]]:
        encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [encoding.ids[: self._limit] for encoding in encodings]

    def _means(self, lists: Sequence[Sequence[int] | NDArray[np.int32]]) -> Vectors:
        """Sums of rows, one text at a time: a text's rows fit the cache. The norm takes out the number of tokens."""
        sums = np.zeros((len(lists), self.dim), dtype=np.float32)
        for row, ids in enumerate(lists):
            if len(ids):
                np.add.reduce(self._table[ids], axis=0, out=sums[row])
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.asarray(sums / np.maximum(norms, 1e-12), dtype=np.float32)


def _modules(folder: Path) -> list[dict[str, Any]]:
    file = folder / "modules.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [module for module in content if isinstance(module, dict)] if isinstance(content, list) else []


def _table_folder(folder: Path) -> Path:
    return folder / str(_modules(folder)[0].get("path", ""))


def _has_plain_table(folder: Path) -> bool:
    """Whether the weights are there as sentence-transformers saves them: other layouts are left to that library."""
    weights = _table_folder(folder) / "model.safetensors"
    if not weights.is_file():
        return False
    with weights.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        return b'"embedding.weight"' in file.read(min(size, 100_000))
