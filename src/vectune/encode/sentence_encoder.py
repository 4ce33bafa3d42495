"""A sentence-transformers model behind the Encoder protocol, with our own batching."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Transformer
from torch import Tensor
from torch.nn import functional as F

from vectune.encode.encoder import Vectors
from vectune.encode.precision import Precision, autocast, resolve_precision
from vectune.encode.prompts import role_prompt
from vectune.encode.token_counter import NO_LIMIT, UNTOLD_LIMIT
from vectune.encode.tokens import Indices, Tokens, micro_batches, pack, spread
from vectune.encode.unpadded import apart, first_position, takes_unpadded, unpadded
from vectune.monitor.progress import Progress
from vectune.records import Role

ENCODE_TOKENS = 8192
_TOKENIZE_BLOCK = 4096
_MESSAGE_BLOCK = 64  # padded to the longest, so not too many


def tells_limit(model: SentenceTransformer) -> bool:
    """Whether the model says how many tokens of a text it sees; tokenizers without a limit say 10^30 or nothing."""
    return 0 < (model.max_seq_length or 0) < NO_LIMIT


class SentenceEncoder:
    """Owns a loaded model. Encodes in length-sorted micro-batches of about `micro_batch_tokens` tokens; these become
    fewer where a device runs out of memory.

    Pooling, dense layers and prompts are the model's own: the forward pass runs through its modules. Vectors are scaled
    to L2 norm 1 whether or not the model does so itself.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        name: str,
        *,
        precision: Precision = "auto",
        max_tokens: int | None = None,
        micro_batch_tokens: int = ENCODE_TOKENS,
    ) -> None:
        self.model = model.eval()
        self.name = name
        self.notes: tuple[str, ...] = ()
        """What was chosen in loading and people should know, a sentence each."""
        self.device = torch.device(model.device)
        self.precision = resolve_precision(precision, self.device)
        self.micro_batch_tokens = micro_batch_tokens
        limit = (model.max_seq_length or 0) if tells_limit(model) else UNTOLD_LIMIT
        self.max_tokens = min(limit, max_tokens) if max_tokens else limit

    @property
    def dim(self) -> int:
        """Length of a full vector."""
        return int(self.model.get_embedding_dimension() or 0)

    @property
    def trainable(self) -> bool:
        """Whether the first module is a transformer that reads token ids."""
        return isinstance(self.model[0], Transformer) and self.model.tokenizer is not None

    def prompt(self, role: Role) -> str:
        """The text that the model wants before a query or a document; empty for most models."""
        return role_prompt(self.model.prompts, self.model.default_prompt_name, role)

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        """Vectors of `texts`, float32 [len(texts), dim], each of L2 norm 1; order kept; the role's prompt applied."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        if not self.trainable:
            return self._encode_elsewhere(texts, role, progress)
        tokens = self.tokenize(texts, role)
        with torch.inference_mode():
            for rows, found in self._within_memory(tokens):
                vectors[rows] = found
                if progress is not None:
                    progress.advance(len(rows))
        return vectors

    def tokenize(self, texts: Sequence[str], role: Role = Role.DOCUMENT, max_tokens: int | None = None) -> Tokens:
        """Token ids of `texts` with the role's prompt in front, cut at `max_tokens` (by default the model's limit)."""
        prompt = self.prompt(role)
        limit = min(max_tokens or self.max_tokens, self.max_tokens)
        if self._renders_messages:
            return pack(self._message_ids(texts, prompt, limit))
        lists = self._token_ids([prompt + text for text in texts], limit=limit)
        return pack(lists, self._prompt_length(prompt))

    def forward(self, tokens: Tokens, rows: Indices) -> Tensor:
        """Vectors of the texts at `rows` in one pass, [len(rows), dim], L2 norm 1; keeps gradients when they are on."""
        features = self._features(tokens, rows)
        if len(rows) and tokens.prompt_lengths[rows[0]]:
            features["prompt_length"] = int(tokens.prompt_lengths[rows[0]])
        embedding: Tensor = self.model(features)["sentence_embedding"]
        return F.normalize(embedding.float(), dim=-1)

    def _within_memory(self, tokens: Tokens) -> Iterator[tuple[Indices, Vectors]]:
        """Each micro-batch's texts and their vectors; where memory runs out, smaller ones of what is left.

        torch.OutOfMemoryError where one text alone is too much.
        """
        left = np.arange(len(tokens))
        while len(left):
            some = tokens.select(left)
            done = np.zeros(len(left), dtype=bool)
            parts = list(micro_batches(some.lengths, self.micro_batch_tokens, some.prompt_lengths))
            for rows in (parts[place] for place in spread(len(parts))):
                found = self._attempt(some, rows)
                if found is None:
                    held = len(rows) * int(some.lengths[rows].max())
                    self.micro_batch_tokens = max(min(self.micro_batch_tokens, held) // 2, 1)
                    break
                done[rows] = True
                yield left[rows], found
            left = left[~done]

    def _attempt(self, tokens: Tokens, rows: Indices) -> Vectors | None:
        """Vectors of the texts at `rows`, [len(rows), dim]; None where memory ran out and they can be divided."""
        try:
            with autocast(self.precision, self.device):
                return np.asarray(self.forward(tokens, rows).float().cpu().numpy(), dtype=np.float32)
        except torch.OutOfMemoryError:
            if len(rows) < 2:
                raise
        if self.device.type == "cuda":  # out of the handler, whose error holds the frames with all activations
            torch.cuda.empty_cache()
        return None

    def _features(self, tokens: Tokens, rows: Indices) -> dict[str, Any]:
        if len(rows) and takes_unpadded(self.model, tokens, rows):
            return unpadded(tokens, rows, self._first_position, self.device)
        ids, mask = tokens.padded(rows, int(self.model.tokenizer.pad_token_id or 0))
        return {
            "input_ids": torch.from_numpy(ids).to(self.device),
            "attention_mask": torch.from_numpy(mask).to(self.device),
        }

    @cached_property
    def _first_position(self) -> int:
        return first_position(self.model)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text before any cut, special tokens included: int64 [len(texts)]."""
        if not self.trainable:
            return np.array([len(text.split()) for text in texts], dtype=np.int64)
        return np.array([len(ids) for ids in self._token_ids(texts, limit=None)], dtype=np.int64)

    def _token_ids(self, texts: Sequence[str], limit: int | None) -> list[list[int]]:
        if getattr(self.model[0], "do_lower_case", False):
            texts = [text.lower() for text in texts]
        cut = {"truncation": True, "max_length": limit} if limit else {"truncation": False}
        lists: list[list[int]] = []
        for start in range(0, len(texts), _TOKENIZE_BLOCK):
            block = list(texts[start : start + _TOKENIZE_BLOCK])
            lists += self.model.tokenizer(block, verbose=False, return_attention_mask=False, **cut)["input_ids"]
        return lists

    @property
    def _renders_messages(self) -> bool:
        """Whether the model was saved as one that puts every text into its chat template."""
        return "message" in getattr(self.model[0], "modality_config", ())

    def _message_ids(self, texts: Sequence[str], prompt: str, limit: int) -> list[list[int]]:
        """Token ids of texts in the chat template: only the library knows how it is filled in and cut."""
        lists: list[list[int]] = []
        for start in range(0, len(texts), _MESSAGE_BLOCK):
            block = list(texts[start : start + _MESSAGE_BLOCK])
            features = self.model.preprocess(block, prompt=prompt or None, max_length=limit)
            if "cu_seq_lens_q" in features:
                lists += apart(features)
                continue
            real = features["attention_mask"].bool()
            lists += [row[kept].tolist() for row, kept in zip(features["input_ids"], real, strict=True)]
        return lists

    def _prompt_length(self, prompt: str) -> int:
        pooled_with_prompt = all(getattr(module, "include_prompt", True) for module in self.model)
        if not prompt or pooled_with_prompt:
            return 0
        return int(self.model.preprocess([""], prompt=prompt).get("prompt_length", 0))

    def _encode_elsewhere(self, texts: Sequence[str], role: Role, progress: Progress | None) -> Vectors:
        vectors = self.model.encode(  # without any prompt it would put its default before either role
            list(texts), prompt=self.prompt(role), show_progress_bar=False, normalize_embeddings=True
        )
        if progress is not None:
            progress.advance(len(texts))
        return np.asarray(vectors, dtype=np.float32)
