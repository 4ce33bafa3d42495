"""A decoder small enough to train in a test: a random two-layer Llama over the words of the tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaModel, PreTrainedTokenizerFast

from tests.fakes.tiny_model import WORDS

SPECIAL = ["<pad>", "<unk>", "<end>"]


def save_tiny_decoder(folder: Path, *, side: str = "right", padding: bool = True, seed: int = 0) -> Path:
    """A plain transformers folder, without files of sentence-transformers: texts end in <end>, `side` is padded."""
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <end>", special_tokens=[("<end>", 2)])
    named = {"pad_token": "<pad>"} if padding else {}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        eos_token="<end>",
        padding_side=side,
        model_max_length=48,
        **named,
    ).save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=64, pad_token_id=0, eos_token_id=2, bos_token_id=None,
    )  # fmt: skip
    LlamaModel(config).save_pretrained(folder)
    return folder


def with_chat_template(folder: Path) -> Path:
    """The same folder, its tokenizer now one that puts messages between words of its own."""
    file = folder / "tokenizer_config.json"
    template = "{% for message in messages %}red1 {{ message['content'] }} red2{% endfor %}"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"chat_template": template}))
    return folder
