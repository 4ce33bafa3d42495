"""Texts of a micro-batch one after the other, without padding, for models whose attention keeps them apart itself.

That is flash attention's (Dao, 2023, arXiv 2307.08691) in its form for sequences of various lengths, on a GPU. Which
models can do so, and how the vectors of such a batch are pooled, sentence-transformers knows.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from transformers.utils.import_utils import is_flash_attn_2_available

from vectune.encode.precision import AMPERE, Precision, default_device, resolve_precision
from vectune.encode.tokens import Indices, Tokens

FLASH = "flash_attention_2"


def wants_flash(precision: Precision, device: str | None) -> bool:
    """Whether models are to be loaded with flash attention: on a GPU, in bf16, where its package is installed.

    `device` is a torch device; None stands for the one that models are loaded to by default.
    """
    place = torch.device(device or default_device())
    if place.type != "cuda" or resolve_precision(precision, place) != "bf16" or not is_flash_attn_2_available():
        return False
    return torch.cuda.get_device_capability(place) >= AMPERE


def takes_unpadded(model: SentenceTransformer, tokens: Tokens, rows: Indices) -> bool:
    """Whether the model was loaded so that the texts at `rows` need no padding: none of them may be without tokens."""
    return bool(getattr(model[0], "can_flatten_inputs", False)) and int(tokens.lengths[rows].min(initial=1)) > 0


def first_position(model: SentenceTransformer) -> int:
    """The number of a text's first position: 0, but for models that count from their padding on, as RoBERTa's do."""
    return int(model.preprocess(["a"])["position_ids"].min())  # an empty text may have no tokens


def apart(features: dict[str, Any]) -> list[list[int]]:
    """The token ids of each text in features that the library made without padding."""
    ids, starts = features["input_ids"][0].tolist(), features["cu_seq_lens_q"].tolist()
    return [ids[begin:end] for begin, end in pairwise(starts)]


def unpadded(tokens: Tokens, rows: Indices, first: int, device: torch.device) -> dict[str, Any]:
    """What the model is given for the texts at `rows`, in that order: ids and positions int64 [1, tokens of all], the
    number of each token's text int32 of the same shape, and int32 [len(rows) + 1] where each text begins."""
    lengths = tokens.lengths[rows]
    starts = np.zeros(len(rows) + 1, dtype=np.int32)
    np.cumsum(lengths, out=starts[1:])
    ids = tokens.select(rows).ids.astype(np.int64)
    positions = np.arange(len(ids)) - np.repeat(starts[:-1], lengths) + first
    texts = np.repeat(np.arange(len(rows), dtype=np.int32), lengths)
    begins, longest = torch.from_numpy(starts).to(device), int(lengths.max(initial=0))
    return {
        "input_ids": torch.from_numpy(ids[None]).to(device),
        "position_ids": torch.from_numpy(positions[None]).to(device),
        "seq_idx": torch.from_numpy(texts[None]).to(device),
        "cu_seq_lens_q": begins,
        "cu_seq_lens_k": begins,
        "max_length_q": longest,
        "max_length_k": longest,
    }
