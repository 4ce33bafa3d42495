"""Batches without padding give the vectors and the gradients of padded ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from tokenizers import processors
from torch import Tensor
from torch.nn import functional as F
from transformers import Qwen3Config, Qwen3Model, RobertaConfig, RobertaModel, modeling_flash_attention_utils

from tests.fakes.tiny_decoder import save_tiny_decoder, with_chat_template
from tests.fakes.tiny_model import SPECIAL, WORDS
from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from vectune.config import TuneConfig
from vectune.encode.loading import load_encoder, load_model
from vectune.encode.resolve import ResolvedModel
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.tokens import pack
from vectune.encode.unpadded import FLASH, first_position, takes_unpadded, unpadded, wants_flash
from vectune.records import Role
from vectune.workflows.tune import tune

TEXTS = ["red1 cat2 sun3", "dog4", "rain5 code6 bug7 red8 blue9 cat10 sun11", "", "sun1 sun2"]


def of_various_lengths(
    q: Tensor, k: Tensor, v: Tensor, cu_seqlens_q: Tensor, cu_seqlens_k: Tensor, max_seqlen_q: int, max_seqlen_k: int,
    dropout_p: float = 0.0, softmax_scale: float | None = None, causal: bool = False,
) -> Tensor:  # fmt: skip
    """What flash attention gives, a text at a time: [tokens, heads, head size]."""
    assert int(torch.diff(cu_seqlens_q).max()) == max_seqlen_q == max_seqlen_k
    assert dropout_p == 0.0
    parts = []
    for begin, end in zip(cu_seqlens_q[:-1].tolist(), cu_seqlens_k[1:].tolist(), strict=True):
        one = (part[begin:end].transpose(0, 1) for part in (q, k, v))
        attended = F.scaled_dot_product_attention(*one, is_causal=causal, scale=softmax_scale, enable_gqa=True)
        parts.append(attended.transpose(0, 1))
    return torch.cat(parts)


@pytest.fixture
def flash(monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers finds a flash attention that runs on a CPU; there is no such package to install."""
    functions = (None, of_various_lengths, None, None, None)
    monkeypatch.setattr(modeling_flash_attention_utils, "_loaded_implementation", None)
    monkeypatch.setattr(modeling_flash_attention_utils, "_lazy_imports", lambda *_, **__: functions)


def with_flash(model: SentenceTransformer) -> SentenceTransformer:
    """The model as it is when it was loaded with flash attention."""
    model[0].model.config._attn_implementation = FLASH
    model[0].unpad_inputs = True
    return model


def tiny(tmp_path: Path, tiny_model_folder: Path, kind: str) -> SentenceTransformer:
    """A random model: BERT with mean pooling, RoBERTa with its first token, Qwen3 (grouped, causal) with its last."""
    if kind == "bert":
        return SentenceTransformer(str(tiny_model_folder), device="cpu")
    size = {"vocab_size": len(SPECIAL) + len(WORDS), "hidden_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 64}  # fmt: skip
    torch.manual_seed(0)
    model: Any
    if kind == "roberta":
        model = RobertaModel(RobertaConfig(**size, pad_token_id=1))
    else:
        model = Qwen3Model(Qwen3Config(**size, num_key_value_heads=1, head_dim=16))
    folder = tmp_path / kind
    model.save_pretrained(folder)
    SentenceTransformer(str(tiny_model_folder), device="cpu").tokenizer.save_pretrained(folder)
    pooling = Pooling(32, pooling_mode="cls" if kind == "roberta" else "lasttoken")
    return SentenceTransformer(modules=[Transformer(str(folder), max_seq_length=48), pooling], device="cpu")


@pytest.mark.usefixtures("flash")
@pytest.mark.parametrize("kind", ["bert", "roberta", "qwen3"])
def test_vectors_and_gradients_are_those_of_padded_texts(tmp_path: Path, tiny_model_folder: Path, kind: str) -> None:
    """Nothing but rounding differs, whatever pools and however positions are counted."""
    model = tiny(tmp_path, tiny_model_folder, kind)
    encoder = SentenceEncoder(model, kind, precision="fp32")
    tokens = encoder.tokenize(TEXTS)
    rows = np.array([2, 0, 4, 1, 3])
    found = []
    for _ in range(2):
        model.zero_grad()
        vectors = encoder.forward(tokens, rows)
        (vectors * torch.arange(vectors.numel()).view(vectors.shape)).sum().backward()
        gradients = {name: part.grad.clone() for name, part in model.named_parameters() if part.grad is not None}
        found.append((vectors.detach(), gradients, takes_unpadded(model, tokens, rows)))
        with_flash(model)
    (padded, of_padded, before), (flat, of_flat, after) = found
    assert (before, after) == (False, True)
    torch.testing.assert_close(flat, padded, atol=1e-6, rtol=1e-5)
    assert of_flat.keys() == of_padded.keys()
    for name, gradient in of_padded.items():
        torch.testing.assert_close(of_flat[name], gradient, atol=2e-4, rtol=1e-4, msg=name)


@pytest.mark.usefixtures("flash")
def test_prompts_that_pooling_leaves_out_are_left_out(tmp_path: Path, tiny_model_folder: Path) -> None:
    """The prompt stands at the beginning of each text, and is left out of each."""
    model = tiny(tmp_path, tiny_model_folder, "bert")
    model.prompts = {"query": "red0 blue0 "}
    model[1].include_prompt = False
    encoder = SentenceEncoder(model, "bert", precision="fp32")
    padded = encoder.encode(TEXTS[:3], Role.QUERY)
    with_flash(model)
    np.testing.assert_allclose(encoder.encode(TEXTS[:3], Role.QUERY), padded, atol=1e-6)


@pytest.mark.usefixtures("flash")
def test_positions_are_counted_from_where_the_model_begins(tmp_path: Path, tiny_model_folder: Path) -> None:
    """BERT counts from 0, RoBERTa from behind its padding's number."""
    assert first_position(with_flash(tiny(tmp_path, tiny_model_folder, "bert"))) == 0
    assert first_position(with_flash(tiny(tmp_path, tiny_model_folder, "roberta"))) == 2


def test_texts_stand_one_after_the_other() -> None:
    """Ids, positions, the number of the text and where each begins, in the order of the rows."""
    given = unpadded(pack([[2, 5, 3], [2, 3], [2, 7, 8, 3]]), np.array([2, 0]), 2, torch.device("cpu"))
    assert given["input_ids"].tolist() == [[2, 7, 8, 3, 2, 5, 3]]
    assert given["position_ids"].tolist() == [[2, 3, 4, 5, 2, 3, 4]]
    assert given["seq_idx"].tolist() == [[0, 0, 0, 0, 1, 1, 1]]
    assert given["cu_seq_lens_q"].tolist() == given["cu_seq_lens_k"].tolist() == [0, 4, 7]
    assert given["max_length_q"] == given["max_length_k"] == 4


def test_a_cpu_has_no_flash_attention() -> None:
    """Whatever is asked for."""
    assert not wants_flash("bf16", "cpu")


@pytest.mark.usefixtures("flash")
def test_texts_without_tokens_are_padded(tmp_path: Path, tiny_model_folder: Path) -> None:
    """One that stands nowhere would be taken for the text before it."""
    model = with_flash(tiny(tmp_path, tiny_model_folder, "bert"))
    tokens = pack([[2, 5, 3], [], [2, 3]])
    assert takes_unpadded(model, tokens, np.array([0, 2]))
    assert not takes_unpadded(model, tokens, np.array([0, 1]))


@pytest.mark.usefixtures("flash")
@pytest.mark.parametrize("plain", ["", "dog1"])
def test_models_that_render_messages_have_the_same_tokens(tmp_path: Path, plain: str) -> None:
    """The library hands them on without padding too, the template around each."""
    folder = with_chat_template(save_tiny_decoder(tmp_path / "decoder"))
    SentenceTransformer(str(folder), device="cpu").save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    encoder = load_encoder(str(tmp_path / "saved"), precision="fp32")
    texts = [plain, *TEXTS]
    padded = encoder.tokenize(texts)
    with_flash(encoder.model)
    flat = encoder.tokenize(texts)
    assert encoder.model[0].can_flatten_inputs
    assert (flat.ids.tolist(), flat.offsets.tolist()) == (padded.ids.tolist(), padded.offsets.tolist())


@pytest.mark.usefixtures("flash")
def test_a_tokenizer_without_special_tokens_has_a_first_position(tmp_path: Path) -> None:
    """Of an empty text it makes no token at all."""
    model = SentenceTransformer(str(save_tiny_decoder(tmp_path / "decoder")), device="cpu")
    model.tokenizer.backend_tokenizer.post_processor = processors.Sequence([])
    assert model.tokenizer([""])["input_ids"] == [[]]
    assert first_position(with_flash(model)) == 0


@pytest.mark.parametrize(
    ("precision", "installed", "capability", "wanted"),
    [
        ("bf16", True, (9, 0), True),
        ("fp32", True, (9, 0), False),
        ("bf16", False, (9, 0), False),
        ("bf16", True, (7, 5), False),
    ],
)
def test_a_gpu_has_it_in_bf16_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, precision: Any, installed: bool, capability: tuple[int, int], wanted: bool
) -> None:
    """And where there is a kernel for the GPU."""
    # whether a package or a GPU is there can't be arranged otherwise
    monkeypatch.setattr("vectune.encode.unpadded.is_flash_attn_2_available", lambda: installed)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert wants_flash(precision, "cuda") is wanted


@pytest.mark.parametrize(("training", "wanted"), [("auto", True), ("bf16", True), ("fp32", False)])
def test_a_base_that_is_trained_in_fp32_is_loaded_without(
    monkeypatch: pytest.MonkeyPatch, tiny_model_folder: Path, tmp_path: Path, training: str, wanted: bool
) -> None:
    """Flash attention's kernel can't do with fp32."""
    asked: list[bool] = []

    def load(resolved: ResolvedModel, device: str | None, *, trust_remote_code: bool, flash: bool) -> Any:
        asked.append(flash)
        return load_model(resolved, device, trust_remote_code=trust_remote_code)

    # without a GPU flash attention is never wanted and never loaded: only what is asked for can be seen
    monkeypatch.setattr("vectune.encode.loading.wants_flash", lambda *_: True)
    monkeypatch.setattr("vectune.encode.loading.load_model", load)
    rows = write_jsonl(tmp_path / "rows.jsonl", overlapping_pairs(60))
    train = {"precision": training, "epochs": 1, "batch_size": 16}
    config = TuneConfig.model_validate({
        "path": str(rows), "base": str(tiny_model_folder), "out": str(tmp_path / "run"),
        "train": train, "evaluate": {"general": False},
    })  # fmt: skip
    tune(config)
    assert asked[0] is wanted
