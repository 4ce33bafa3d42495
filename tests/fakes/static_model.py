"""A token table of random rows, saved as sentence-transformers does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer, models, pre_tokenizers

from tests.fakes.tiny_model import WORDS


def save_static_model(folder: Path) -> Path:
    """Build the table with a dense layer after it and a prompt for queries, save it and give the folder back."""
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(["[UNK]", *WORDS])}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    rows = np.random.default_rng(0).normal(size=(len(WORDS) + 1, 8)).astype(np.float32)
    modules = [StaticEmbedding(tokenizer, embedding_weights=rows), Dense(8, 6)]
    model = SentenceTransformer(modules=modules, device="cpu", prompts={"query": "red0 ", "document": ""})
    model.save_pretrained(str(folder), create_model_card=False)
    return folder
