"""Decoder bases: models that were made to continue texts, whose last token alone has read the whole text."""

from __future__ import annotations

from typing import Any

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_MASKED_LM_MAPPING_NAMES


def is_decoder(config: Any) -> bool:
    """Whether a transformers config is of a model in which each token sees only those before it."""
    kind = getattr(config, "model_type", "")
    causal = kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    both_ways = getattr(config, "is_causal", True) is False or getattr(config, "use_bidirectional_attention", False)
    return causal and not both_ways and not getattr(config, "is_encoder_decoder", False)


def fit_to_decoder(model: SentenceTransformer) -> list[str]:
    """Make a model of a bare transformers folder fit for a decoder; sentences that say what was chosen.

    Last-token pooling in place of the mean, texts as they are and not in a chat template, and the end-of-text token for
    padding where there is no padding token. Models that sentence-transformers saved say themselves how texts are read
    and pooled: do not call it for these.
    """
    transformer = model[0]
    if not isinstance(transformer, Transformer) or not is_decoder(transformer.config):
        return []
    notes = []
    for module in model:
        if isinstance(module, Pooling):
            module.pooling_mode = "lasttoken"
            notes.append("a decoder without pooling settings, so the last token's vector is taken")
    if transformer.modality_config.pop("message", None):
        notes.append("its chat template is left out: texts are read as they are")
    return notes + _fill_padding(transformer)


def _fill_padding(transformer: Transformer) -> list[str]:
    tokenizer = transformer.tokenizer
    if tokenizer is None or tokenizer.pad_token is not None or tokenizer.eos_token is None:
        return []
    tokenizer.pad_token = tokenizer.eos_token
    return [f"the tokenizer has no padding token: {tokenizer.eos_token} is used, masked"]
