"""AdamW (Loshchilov and Hutter, 2017, arXiv 1711.05101) with warm-up and half-cosine decay."""

from __future__ import annotations

import math

import torch
from torch import nn

from vectune.config.train import TrainConfig


def build_optimiser(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW over the model's trainable weights; matrices decay, biases, norms and embedding tables do not."""
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    trainable = [weight for weight in model.parameters() if weight.requires_grad]
    decayed = [weight for weight in trainable if weight.ndim >= 2 and id(weight) not in tables]
    plain = [weight for weight in trainable if weight.ndim < 2 or id(weight) in tables]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=0.0, fused=True)


def learning_rate(step: int, total: int, peak: float, warmup: float) -> float:
    """The rate of step 0 <= step < total: a straight climb over the first `warmup` share, then a half cosine to 0."""
    climb = max(round(total * warmup), 1)
    if step < climb:
        return peak * (step + 1) / climb
    done = (step - climb) / max(total - climb, 1)
    return peak * 0.5 * (1 + math.cos(math.pi * done))
