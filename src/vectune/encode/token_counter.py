"""Counting a model's tokens without loading the model, so that a check stays light."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from vectune.encode.resolve import ResolvedModel
from vectune.errors import ModelError

NO_LIMIT = 1_000_000
"""Stands for no limit where a number is wanted: more tokens than any text that is read."""
UNTOLD_LIMIT = 512
"""Tokens of a text that a transformer sees where its files tell no limit."""


class TokenCounter:
    """Counts tokens as the model at a resolved place would; `limit` is how many of a text the model sees."""

    def __init__(self, model: ResolvedModel) -> None:
        folder = Path(model.location)
        file = folder / "tokenizer.json"
        if not file.is_file():
            raise ModelError(f"{model.name} has no tokenizer.json on this machine.", "Name a model folder with --base.")
        self._tokenizer = Tokenizer.from_file(str(file))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._special = not _is_static(folder)
        self.limit = _limit(folder) if self._special else NO_LIMIT

    def count(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text, special tokens included where the model has them: int64 [len(texts)]."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=self._special)
        return np.array([len(encoding.ids) for encoding in encodings], dtype=np.int64)


def _is_static(folder: Path) -> bool:
    """Whether the model is a token table, which sees all of a text and no special tokens."""
    file = folder / "modules.json"
    modules = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
    return bool(modules) and str(modules[0].get("type", "")).endswith(".StaticEmbedding")


def _limit(folder: Path) -> int:
    """The model's own limit, from the files that sentence-transformers and transformers keep it in."""
    places = (
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
        ("config.json", "max_position_embeddings"),
    )
    for name, key in places:
        file = folder / name
        value = json.loads(file.read_text(encoding="utf-8")).get(key) if file.is_file() else None
        if isinstance(value, int) and 0 < value < NO_LIMIT:
            return value
    return UNTOLD_LIMIT
