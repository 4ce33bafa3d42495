"""A model with low-rank updates that are not zero any more."""

from __future__ import annotations

import torch

from vectune.encode.sentence_encoder import SentenceEncoder


def moved(encoder: SentenceEncoder) -> SentenceEncoder:
    """The encoder with updates that change its vectors."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in encoder.model.parameters():
            if weight.requires_grad:
                weight.normal_(std=0.2)
    return encoder
