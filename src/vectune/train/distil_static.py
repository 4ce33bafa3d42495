"""A token table distilled from an encoder: every token encoded on its own, reduced, and weighted by its rarity.

After the published recipes of model2vec and tokenlearn (Minish): the output of the model for a single token stands for
the token wherever it occurs; principal components keep what tells tokens apart; smooth inverse frequency (Arora, Liang
and Ma, A simple but tough-to-beat baseline for sentence embeddings, 2017) keeps frequent tokens from drowning the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
from tokenizers import Tokenizer
from torch import nn

from vectune.encode.precision import autocast
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.static_encoder import StaticEncoder
from vectune.encode.tokens import micro_batches, pack
from vectune.errors import ModelError
from vectune.monitor.progress import Progress
from vectune.train.static_vocabulary import Vocabulary, build_vocabulary

Rows = NDArray[np.float32]

_BATCH_TOKENS = 8192
_PRIOR_TOKENS = 10_000
_PROBE = "a"


@dataclass(frozen=True)
class TableShape:
    """How large the table is and how tokens are weighted.

    `dim` values a row (at most those of the base), up to `words` whole words beside the base's tokens, `sif` > 0: the
    smoothing a of the weight a / (a + p) of a token of frequency p, `whitening` 0 to 1: how far the components are
    brought to equal size.
    """

    dim: int
    words: int
    sif: float
    whitening: float


def distil(base: SentenceEncoder, texts: Sequence[str], shape: TableShape, progress: Progress) -> StaticEncoder:
    """The token table of `base` on the vocabulary of `texts`. No text is encoded: only tokens are.

    Raises ModelError when the base has no fast tokenizer, or one whose vocabulary can't be widened.
    """
    progress.stage("find words")
    vocabulary = build_vocabulary(_fast_tokenizer(base), texts, shape.words)
    full = _encode_tokens(base, vocabulary, progress)
    read = np.array([bool(pieces) for pieces in vocabulary.pieces])
    table = np.zeros((len(vocabulary), min(shape.dim, base.dim, int(read.sum()))), dtype=np.float32)
    table[read] = principal_components(full[read], table.shape[1], shape.whitening)
    table *= sif_weights(vocabulary.counts, shape.sif)[:, None]
    modules: list[nn.Module] = [StaticEmbedding(vocabulary.tokenizer, embedding_weights=table), Normalize()]
    return StaticEncoder(SentenceTransformer(modules=modules, device=str(base.device)), base.name)


def principal_components(rows: Rows, dim: int, whitening: float) -> Rows:
    """The first `dim` principal components of `rows` [N, D], scaled to a mean L2 norm of 1: [N, dim].

    Rows are centred first: what all tokens share tells none from another. Each component is divided by its standard
    deviation to the power `whitening`: 0 leaves them as they are, 1 makes them equally large.
    """
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    energy, axes = np.linalg.eigh(centred.T @ centred)
    spread = np.sqrt(np.maximum(energy[::-1][:dim] / max(energy[-1], 1e-12), 1e-12))
    reduced = centred @ axes[:, ::-1][:, :dim] / spread**whitening
    scaled: Rows = (reduced / max(np.linalg.norm(reduced, axis=1).mean(), 1e-12)).astype(np.float32)
    return scaled


def sif_weights(counts: NDArray[np.int64], sif: float) -> NDArray[np.float32]:
    """a / (a + p) for each token, a = `sif`, p its frequency: float32 [V] in (0, 1].

    p mixes the counts with ten thousand tokens spread by Zipf's law over the vocabulary, whose order follows frequency:
    a common word that a small corpus happens to lack is not taken for a rare one.
    """
    ranks = np.arange(1, len(counts) + 1, dtype=np.float64)
    prior = (1 / ranks) / (1 / ranks).sum()
    frequency = (counts + _PRIOR_TOKENS * prior) / (counts.sum() + _PRIOR_TOKENS)
    weights: Rows = (sif / (sif + frequency)).astype(np.float32)
    return weights


def _fast_tokenizer(base: SentenceEncoder) -> Tokenizer:
    if isinstance(base, StaticEncoder):
        raise ModelError(f"{base.name} is a token table already.", "Nothing has to be distilled.")
    tokenizer = getattr(base.model.tokenizer, "backend_tokenizer", None)
    if not isinstance(tokenizer, Tokenizer):
        raise ModelError(f"The tokenizer of {base.name} is not a fast one.", "Choose a base with a tokenizer.json.")
    return tokenizer


def _encode_tokens(base: SentenceEncoder, vocabulary: Vocabulary, progress: Progress) -> Rows:
    """Each token as a text of its own, between the base's special tokens: [V, D]; 0 for tokens without pieces."""
    before, after = _special_tokens(base)
    tokens = pack([[*before, *pieces, *after] for pieces in vocabulary.pieces])
    wanted = np.flatnonzero([bool(pieces) for pieces in vocabulary.pieces])
    rows = np.zeros((len(vocabulary), base.dim), dtype=np.float32)
    progress.stage("distil tokens", len(wanted))
    with torch.inference_mode():
        for places in micro_batches(tokens.lengths[wanted], _BATCH_TOKENS):
            with autocast(base.precision, base.device):
                rows[wanted[places]] = base.forward(tokens, wanted[places]).float().cpu().numpy()
            progress.advance(len(places))
    return rows


def _special_tokens(base: SentenceEncoder) -> tuple[list[int], list[int]]:
    """What the tokenizer puts before and after a text, such as [CLS] and [SEP]."""
    with_special: list[int] = base.model.tokenizer(_PROBE)["input_ids"]
    bare: list[int] = base.model.tokenizer(_PROBE, add_special_tokens=False)["input_ids"]
    for start in range(len(with_special) - len(bare) + 1):
        if with_special[start : start + len(bare)] == bare:
            return with_special[:start], with_special[start + len(bare) :]
    return [], []
