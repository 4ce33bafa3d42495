"""A model as one torch module of two inputs and one output: what is traced for other runtimes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vectune.encode.routes import refuse_role_routes
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import ModelError
from vectune.records import Role

_WIDTH = 7


class EmbeddingGraph(nn.Module):
    """Token ids and mask, int64 [texts, tokens], to vectors, float32 [texts, dim] of L2 norm 1."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        super().__init__()
        self.model = encoder.model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Everything that the model does between tokens and vector: transformer, pooling, dense layers, norm."""
        embedding = self.model({"input_ids": input_ids, "attention_mask": attention_mask})["sentence_embedding"]
        return F.normalize(embedding.float(), dim=-1)


def example_inputs(encoder: SentenceEncoder) -> tuple[Tensor, Tensor]:
    """Two short texts, the second padded, so that tracing sees a mask that masks something."""
    ids = torch.full((2, _WIDTH), int(encoder.model.tokenizer.pad_token_id or 0), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, width in enumerate((_WIDTH, _WIDTH - 2)):
        ids[row, :width] = torch.arange(1, width + 1)
        mask[row, :width] = 1
    return ids, mask


def refuse_unfit(encoder: SentenceEncoder) -> None:
    """Raise ModelError for a model that is more than tokens to a vector, and so can't be one graph."""
    if not encoder.trainable:
        raise ModelError(f"{encoder.name} has no transformer to export.", "Export it as static or safetensors.")
    if not getattr(encoder.model.tokenizer, "is_fast", False):
        raise ModelError(f"{encoder.name} has no fast tokenizer.", "Use --backend torch, or export as safetensors.")
    prompts = encoder.prompt(Role.QUERY) or encoder.prompt(Role.DOCUMENT)
    if prompts and not all(getattr(module, "include_prompt", True) for module in encoder.model):
        raise ModelError(
            f"{encoder.name} leaves its prompt out of the pooling, which a graph of two inputs can't.",
            "Use --backend torch, or export as safetensors.",
        )
    if "message" in getattr(encoder.model[0], "modality_config", ()):
        raise ModelError(
            f"{encoder.name} puts texts into a chat template.", "Use --backend torch, or export as safetensors."
        )
    refuse_role_routes(encoder.model, encoder.name, adapted=True)


@contextmanager
def tracing(encoder: SentenceEncoder) -> Iterator[EmbeddingGraph]:
    """The graph of `encoder` on the CPU, ready to be traced: no gradients, and the tracers' warnings unsaid."""
    device = encoder.model.device
    graph = EmbeddingGraph(encoder).eval()
    graph.model.to("cpu")
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield graph
    finally:
        graph.model.to(device)
