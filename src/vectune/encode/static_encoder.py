"""A token-table model behind the Encoder protocol: a text is the mean of its tokens' rows, and nothing runs but that.

The model is a sentence-transformers StaticEmbedding, with whatever modules follow it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from vectune.encode.encoder import Vectors
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.token_counter import NO_LIMIT
from vectune.encode.tokens import Indices, Tokens, pack
from vectune.monitor.progress import Progress
from vectune.records import Role

_BLOCK = 4096


class StaticEncoder(SentenceEncoder):
    """Owns a loaded token-table model. Texts of all lengths go together, since nothing is padded."""

    def __init__(self, model: SentenceTransformer, name: str, *, max_tokens: int | None = None) -> None:
        super().__init__(model, name, precision="fp32", max_tokens=max_tokens)
        self.max_tokens = max_tokens or NO_LIMIT

    @property
    def table(self) -> torch.nn.EmbeddingBag:
        """The rows, [tokens, dim]."""
        return self._module.embedding

    @property
    def trainable(self) -> bool:
        """False: there is no transformer; only the table can be tuned."""
        return False

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        """Vectors of `texts`, float32 [len(texts), dim], each of L2 norm 1 (0 for a text without a known token)."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(texts), _BLOCK):
                tokens = self.tokenize(texts[start : start + _BLOCK], role)
                vectors[start : start + len(tokens)] = self._means(tokens.ids, tokens.offsets[:-1]).cpu().numpy()
                if progress is not None:
                    progress.advance(len(tokens))
        return vectors

    def tokenize(self, texts: Sequence[str], role: Role = Role.DOCUMENT, max_tokens: int | None = None) -> Tokens:
        """Token ids of `texts` with the role's prompt in front, cut at `max_tokens` (by default not cut)."""
        prompt = self.prompt(role)
        limit = min(max_tokens or self.max_tokens, self.max_tokens)
        encodings = self._tokenizer.encode_batch_fast([prompt + text for text in texts], add_special_tokens=False)
        return pack([encoding.ids[:limit] for encoding in encodings])

    def forward(self, tokens: Tokens, rows: Indices) -> Tensor:
        """Vectors of the texts at `rows` in one pass, [len(rows), dim], L2 norm 1; keeps gradients when they are on."""
        if len(rows) == 0:
            return torch.zeros((0, self.dim), device=self.device)
        offsets = np.concatenate([[0], np.cumsum(tokens.lengths[rows])[:-1]])
        flat = np.concatenate([tokens.ids[tokens.offsets[row] : tokens.offsets[row + 1]] for row in rows])
        return self._means(flat, offsets)

    def _means(self, ids: NDArray[np.int32], offsets: NDArray[np.int64]) -> Tensor:
        """Vectors of texts whose token ids lie one after the other, text i from `offsets[i]` on."""
        features = {
            "input_ids": torch.from_numpy(ids.astype(np.int64)).to(self.device),
            "offsets": torch.from_numpy(offsets.astype(np.int64)).to(self.device),
        }
        embedding: Tensor = self.model(features)["sentence_embedding"]
        return F.normalize(embedding.float(), dim=-1)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text before any cut: int64 [len(texts)]."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return np.array([len(encoding.ids) for encoding in encodings], dtype=np.int64)

    @property
    def _tokenizer(self) -> Tokenizer:
        return self._module.tokenizer

    @property
    def _module(self) -> StaticEmbedding:
        module = self.model[0]
        assert isinstance(module, StaticEmbedding)
        return module


def is_static(model: SentenceTransformer) -> bool:
    """Whether the model's first module is a token table."""
    return isinstance(model[0], StaticEmbedding)
