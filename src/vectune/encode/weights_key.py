"""One name for all the weights of a model that is loaded."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def weights_key(model: nn.Module) -> str:
    """SHA-256 (hex) over the names and values of all weights and buffers, on whatever device they are."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(f"{len(name)}:{name}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
