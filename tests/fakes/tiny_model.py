"""A transformer small enough to train in a test: 2 layers, 32 dims, words of the alphabet as vocabulary."""

from __future__ import annotations

from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [
    f"{kind}{number}" for kind in ("red", "blue", "cat", "dog", "rain", "sun", "code", "bug") for number in range(25)
]
PROMPTS = {"query": "red0 ", "document": "blue0 "}


def save_tiny_model(folder: Path, *, prompts: bool = False, seed: int = 0, intermediate: int = 64) -> Path:
    """Build the model, save it to `folder` and give the folder back; with `prompts` queries and documents differ."""
    transformer_folder = folder.with_name(folder.name + "-transformer")
    _tokenizer().save_pretrained(transformer_folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=intermediate,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(transformer_folder)
    transformer = Transformer(str(transformer_folder), max_seq_length=48)
    model = SentenceTransformer(
        modules=[transformer, Pooling(32, pooling_mode="mean")], device="cpu", prompts=PROMPTS if prompts else None
    )
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
