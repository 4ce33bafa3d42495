"""AdamW (Loshchilov and Hutter, 2017, arXiv 1711.05101) with warm-up and half-cosine decay."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vectune.config.train import TrainConfig
from vectune.train.row_adam import RowAdamW
from vectune.train.row_gradients import only_looks_up

_SPARSE_FROM = 4096  # rows; below, a dense gradient costs little


def build_optimiser(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW over the model's trainable weights; matrices decay, biases, norms and embedding tables do not.

    A model with a table of sparse gradients gets the AdamW that moves only the rows of a step.
    """
    lookups = [module for module in model.modules() if isinstance(module, nn.Embedding | nn.EmbeddingBag)]
    tables = {id(module.weight) for module in lookups}
    trainable = [weight for weight in model.parameters() if weight.requires_grad]
    decayed = [weight for weight in trainable if weight.ndim >= 2 and id(weight) not in tables]
    plain = [weight for weight in trainable if weight.ndim < 2 or id(weight) in tables]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    if any(module.sparse for module in lookups):
        return RowAdamW(groups)
    return torch.optim.AdamW(groups, lr=0.0, fused=True)


def make_tables_sparse(model: nn.Module) -> None:
    """Let large embedding tables on a CPU give gradients of the rows that were looked up, and of no others.

    A dense gradient of a vocabulary costs a pass over all of it in every micro-batch, and in the optimiser again.
    Tables that do more than look up keep it.
    """
    for module in model.modules():
        if isinstance(module, nn.Embedding) and only_looks_up(module) and module.weight.device.type == "cpu":
            module.sparse = module.num_embeddings >= _SPARSE_FROM and module.weight.requires_grad


def copy_moments(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What the optimiser keeps of each weight, by `NUMBER.KEY`, on the CPU; to be written before the next step."""
    state = optimiser.state_dict()["state"]
    return {f"{number}.{key}": value.to("cpu") for number, entry in state.items() for key, value in entry.items()}


def load_moments(optimiser: torch.optim.Optimizer, moments: Mapping[str, Tensor]) -> None:
    """Put what `copy_moments` gave into an optimiser over the same weights."""
    content = optimiser.state_dict()
    for name, value in moments.items():
        number, key = name.split(".")
        content["state"].setdefault(int(number), {})[key] = value
    optimiser.load_state_dict(content)


def learning_rate(step: int, total: int, peak: float, warmup: float) -> float:
    """The rate of step 0 <= step < total: a straight climb over the first `warmup` share, then a half cosine to 0."""
    climb = max(round(total * warmup), 1)
    if step < climb:
        return peak * (step + 1) / climb
    done = (step - climb) / max(total - climb, 1)
    return peak * 0.5 * (1 + math.cos(math.pi * done))
