"""Two micro-batches at once change nothing, whatever the model is built like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from torch import Tensor
from transformers import (
    AlbertConfig,
    AlbertModel,
    DistilBertConfig,
    DistilBertModel,
    GPT2Config,
    GPT2Model,
    ModernBertConfig,
    ModernBertModel,
    MPNetConfig,
    MPNetModel,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5EncoderModel,
)

from tests.fakes.moved_updates import moved
from tests.fakes.tiny_decoder import save_tiny_decoder
from tests.fakes.tiny_model import SPECIAL, WORDS
from vectune.config import TrainConfig
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.monitor.progress import Silent
from vectune.records import Kind, Retrieval
from vectune.train.methods.lora import Lora
from vectune.train.methods.method import Start
from vectune.train.objective import build_objective
from vectune.train.recipe import resolve_recipe
from vectune.train.rows import training_rows
from vectune.train.step import Step, StepResult

SIZE: dict[str, Any] = {"vocab_size": len(SPECIAL) + len(WORDS)}
BERT: dict[str, Any] = {
    **SIZE, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "max_position_embeddings": 64,
}  # fmt: skip
MODELS: dict[str, Any] = {
    "roberta": lambda: RobertaModel(RobertaConfig(**BERT, pad_token_id=1)),
    "albert": lambda: AlbertModel(AlbertConfig(**BERT, embedding_size=16)),
    "mpnet": lambda: MPNetModel(MPNetConfig(**BERT)),
    "modernbert": lambda: ModernBertModel(ModernBertConfig(**BERT, pad_token_id=0, local_attention=8)),
    "distilbert": lambda: DistilBertModel(DistilBertConfig(**SIZE, dim=32, n_layers=2, n_heads=2, hidden_dim=64)),
    "gpt2": lambda: GPT2Model(GPT2Config(**SIZE, n_embd=32, n_layer=2, n_head=2, n_positions=64)),
    "t5": lambda: T5EncoderModel(T5Config(**SIZE, d_model=32, num_layers=2, num_heads=2, d_kv=16, d_ff=64)),
}


pytestmark = pytest.mark.usefixtures("two_threads")


def encoder_of(kind: str, tiny_model_folder: Path, tmp_path: Path) -> SentenceEncoder:
    """A tiny random model of that kind, saved and loaded as a base is."""
    if kind == "bert":
        return load_encoder(str(tiny_model_folder))
    if kind == "lora":
        method = Lora(TrainConfig(method="lora", lora_rank=4))
        return moved(method.begin(load_encoder(str(tiny_model_folder)), Start((), tmp_path, Silent())))
    if kind == "decoder":
        return load_encoder(str(save_tiny_decoder(tmp_path / "decoder")))
    torch.manual_seed(0)
    MODELS[kind]().save_pretrained(tmp_path / kind)
    SentenceTransformer(str(tiny_model_folder), device="cpu").tokenizer.save_pretrained(tmp_path / kind)
    body = Transformer(str(tmp_path / kind), max_seq_length=48)
    SentenceTransformer(modules=[body, Pooling(32, pooling_mode="mean")], device="cpu").save(str(tmp_path / "whole"))
    return load_encoder(str(tmp_path / "whole"))


def step_of(encoder: SentenceEncoder, at_once: int, precision: str) -> tuple[StepResult, dict[str, Tensor]]:
    """What one step of 16 pairs comes to, with the gradients that it leaves, in so many micro-batches at once."""
    texts = [" ".join(WORDS[i : 2 * i + 4]) for i in range(32)]
    queries, corpus = {f"q{i}": texts[i] for i in range(16)}, {f"d{i}": texts[16 + i] for i in range(16)}
    content = Retrieval(queries, corpus, {f"q{i}": {f"d{i}": 1} for i in range(16)}, {}, Kind.PAIRS)
    given = {"precision": precision, "clip": 1e9, "batch_size": 16, "micro_batches_at_once": at_once}
    config = TrainConfig.model_validate(given)
    recipe = resolve_recipe(config, content.kind, 16)
    rows = training_rows(content, config, recipe)
    objective = build_objective(recipe.loss, config)
    step = Step(encoder, rows.pool.tokenize(encoder, None), objective, config)
    assert step.room.at_once == at_once
    result = step.run(rows.batches(0)[0])
    named = encoder.model.named_parameters()
    return result, {name: weight.grad.clone() for name, weight in named if weight.grad is not None}


@pytest.mark.parametrize("kind", ["bert", "lora", "decoder", *MODELS])
def test_two_at_once_give_what_one_after_another_gives(kind: str, tiny_model_folder: Path, tmp_path: Path) -> None:
    """Loss and gradients agree to rounding in fp32."""
    encoder = encoder_of(kind, tiny_model_folder, tmp_path)
    (one, of_one), (two, of_two) = (step_of(encoder, number, "fp32") for number in (1, 2))
    assert abs(one.loss - two.loss) < 1e-5
    assert of_one.keys() == of_two.keys()
    assert len(of_one) > 7
    for name, gradient in of_one.items():
        most = 1e-5 * max(float(gradient.abs().max()), 1.0)
        torch.testing.assert_close(of_two[name], gradient, rtol=1e-4, atol=most, msg=name)


@pytest.mark.parametrize("kind", ["bert", "lora", "decoder", *MODELS])
def test_two_at_once_give_the_same_bits_again(kind: str, tiny_model_folder: Path, tmp_path: Path) -> None:
    """In bf16, where the order of sums shows: nothing is shared that one thread could change for the other."""
    encoder = encoder_of(kind, tiny_model_folder, tmp_path)
    results = [step_of(encoder, 2, "bf16") for _ in range(3)]
    for result, gradients in results[1:]:
        assert result == results[0][0]
        assert all(torch.equal(gradient, results[0][1][name]) for name, gradient in gradients.items())
