"""BERT with a mean or the first token's vector, run by torch alone.

Importing transformers and sentence-transformers takes several times as long as importing torch: this is for who can't
wait for them. BERT: Devlin et al. (2019, arXiv 1810.04805); pooling: Reimers and Gurevych (2019, arXiv 1908.10084).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from vectune.encode.backends.graph_encoder import Batch, GraphEncoder
from vectune.encode.custom_code import custom_code
from vectune.encode.encoder import Vectors
from vectune.encode.export.manifest import TOKENIZER_FILE, Manifest
from vectune.encode.module_weights import MODEL_FILE, read_json
from vectune.encode.precision import autocast, resolve_precision
from vectune.encode.prompts import saved_prompts
from vectune.encode.resolve import ResolvedModel
from vectune.encode.token_counter import TokenCounter
from vectune.encode.tokenised import Idle
from vectune.encode.tokens import Indices

_MODULES = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
_WANTED = {"model_type": "bert", "hidden_act": "gelu", "is_decoder": False, "position_embedding_type": "absolute"}
"""What the config has to say, where it says anything of that."""
_FROM_SETTINGS = (None, "BertTokenizer", "BertTokenizerFast")
_AS_THE_FILE_SAYS = ("TokenizersBackend", "PreTrainedTokenizerFast")
_PROBE = "is all there"
_LEAST_WEIGHT = 1e-9  # for a text without tokens, which has zeros elsewhere too
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class BertShape:
    """What the configs of a model tell beside its weights; `mean` pools all tokens, else the first one stands for the
    text."""

    layers: int
    heads: int
    norm_eps: float
    mean: bool


def open_plain(folder: Path, name: str) -> GraphEncoder | None:
    """The model in `folder` on the CPU; None where it is anything but a plain BERT whose files tell all that is needed,
    so that others are to open it, or to say what is wrong with it."""
    try:
        encoder = _opened(folder, name)
        if encoder is not None:
            encoder.encode([_PROBE])
    except Exception:  # a key, a weight, a damaged file: whoever opens it then says what is wrong
        return None
    return encoder


def _opened(folder: Path, name: str) -> GraphEncoder | None:
    config = read_json(folder / "config.json")
    pooling = _pooling(folder)
    if pooling is None or not isinstance(config, dict) or not _is_plain(folder, config):
        return None
    shape = BertShape(
        config["num_hidden_layers"], config["num_attention_heads"], config["layer_norm_eps"], pooling == "mean"
    )
    session = BertSession(load_file(folder / MODEL_FILE), shape)
    return GraphEncoder(folder, _manifest(folder, name, config, pooling), session, name)


def _is_plain(folder: Path, config: Mapping[str, Any]) -> bool:
    """Whether nothing in the folder asks for more than `BertSession` does."""
    settings = read_json(folder / "sentence_bert_config.json")
    tokenizer = read_json(folder / "tokenizer_config.json")
    return (
        config.get("model_type") == "bert"
        and all(config.get(key, wanted) == wanted for key, wanted in _WANTED.items())
        and "quantization_config" not in config
        and isinstance(settings, dict)
        and not set(settings.get("modality_config", {})) - {"text"}
        and isinstance(tokenizer, dict)
        and tokenizer.get("truncation_side", "right") == "right"
        and _is_as_written(read_json(folder / TOKENIZER_FILE), tokenizer)
        and all((folder / file).is_file() for file in (MODEL_FILE, TOKENIZER_FILE))
        and not custom_code(folder)
    )


def _is_as_written(written: Any, settings: Mapping[str, Any]) -> bool:
    """Whether transformers reads texts as the tokenizer's file `written` says: BERT's own class is made from the
    vocabulary and `settings`, whatever else stands in the file."""
    kind = settings.get("tokenizer_class")
    if kind in _AS_THE_FILE_SAYS:
        return True
    if kind not in _FROM_SETTINGS or not isinstance(written, dict):
        return False
    normalizer = {
        "type": "BertNormalizer", "clean_text": True, "lowercase": settings.get("do_lower_case", True),
        "handle_chinese_chars": settings.get("tokenize_chinese_chars", True),
        "strip_accents": settings.get("strip_accents"),
    }  # fmt: skip
    around = [settings.get("cls_token", "[CLS]"), settings.get("sep_token", "[SEP]")]
    return (
        written["normalizer"] == normalizer
        and written["pre_tokenizer"] == {"type": "BertPreTokenizer"}
        and _put_around(written["post_processor"]) == around
    )


def _put_around(processor: Mapping[str, Any]) -> list[str]:
    """The special tokens before and after a text."""
    if processor["type"] == "BertProcessing":
        return [processor["cls"][0], processor["sep"][0]]
    before, _, after = (next(iter(part.items())) for part in processor["single"])
    return [one["id"] for kind, one in (before, after) if kind == "SpecialToken"]


def _pooling(folder: Path) -> str | None:
    """`mean` or `cls`; None for another, or where other modules than transformer, pooling and norm follow."""
    modules = read_json(folder / "modules.json")
    if not isinstance(modules, list) or [str(one["type"]).rpartition(".")[2] for one in modules] not in _MODULES:
        return None
    content = read_json(folder / str(modules[1]["path"]) / "config.json")
    if modules[0]["path"] or not isinstance(content, dict) or not content.get("include_prompt", True):
        return None
    older = {"cls_token": "cls", "mean_tokens": "mean"}
    named = [key.removeprefix("pooling_mode_") for key, on in content.items() if "pooling_mode_" in key and on]
    found = [content["pooling_mode"]] if "pooling_mode" in content else [older.get(key) for key in named]
    return str(found[0]) if found in (["mean"], ["cls"]) else None


def _manifest(folder: Path, name: str, config: Mapping[str, Any], pooling: str) -> Manifest:
    settings = read_json(folder / "sentence_bert_config.json")
    query_prompt, document_prompt = saved_prompts(folder)
    limit = TokenCounter(ResolvedModel(name, str(folder), "path")).limit
    return Manifest(
        format="", runtime="torch", file="", model=name, revision="", dim=config["hidden_size"], dims=(),
        max_tokens=min(limit, config["max_position_embeddings"]), pooling=pooling, query_prompt=query_prompt,
        document_prompt=document_prompt, pad_id=config.get("pad_token_id") or 0, truncation_side="right",
        lower_case=bool(settings.get("do_lower_case")), arithmetic="fp32", versions={},
    )  # fmt: skip


class BertSession:
    """Owns the weights, by their names in the file; see Session."""

    workers = 1
    stride = 1

    def __init__(self, weights: Mapping[str, Tensor], shape: BertShape) -> None:
        self._weights = {name: tensor.float() for name, tensor in weights.items() if tensor.is_floating_point()}
        self._shape = shape
        self.precision = resolve_precision("auto", _CPU)

    def run(self, batches: Iterable[Batch], keep: Callable[[Indices, Vectors], None], idle: Idle | None = None) -> None:
        """Run one batch after the other: torch has all cores work on it."""
        for batch in batches:
            with torch.inference_mode(), autocast(self.precision, _CPU):
                found = self._vectors(torch.from_numpy(batch.ids), torch.from_numpy(batch.mask))
            keep(batch.rows, found.numpy())

    def _vectors(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Ids and mask, int64 [texts, tokens], to vectors, float32 [texts, dim] of L2 norm 1."""
        hidden = self._embedded(ids)
        for layer in self._layers():
            hidden = self._layer(layer, hidden, mask[:, None, None, :].bool())
        hidden = hidden.float()
        weights = mask[:, :, None].float()
        pooled = (
            (hidden * weights).sum(1) / weights.sum(1).clamp_min(_LEAST_WEIGHT) if self._shape.mean else hidden[:, 0]
        )
        return F.normalize(pooled, dim=-1)

    def _layers(self) -> Iterator[str]:
        return (f"encoder.layer.{number}." for number in range(self._shape.layers))

    def _embedded(self, ids: Tensor) -> Tensor:
        tables = (self._weights[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position", "token_type"))
        words, positions, kinds = tables
        return self._norm("embeddings.LayerNorm", F.embedding(ids, words) + positions[: ids.shape[1]] + kinds[0])

    def _layer(self, at: str, hidden: Tensor, mask: Tensor) -> Tensor:
        """Attention of several heads, then two dense layers; each added to what it was given, and normalised."""
        heads = self._shape.heads
        query, key, value = (
            self._dense(f"{at}attention.self.{part}", hidden).view(*hidden.shape[:2], heads, -1).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2).flatten(2)
        hidden = self._norm(
            f"{at}attention.output.LayerNorm", self._dense(f"{at}attention.output.dense", seen) + hidden
        )
        wide = F.gelu(self._dense(f"{at}intermediate.dense", hidden))
        return self._norm(f"{at}output.LayerNorm", self._dense(f"{at}output.dense", wide) + hidden)

    def _dense(self, name: str, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, name: str, hidden: Tensor) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return F.layer_norm(hidden, weight.shape, weight, bias, self._shape.norm_eps)
