"""Activation checkpointing (Chen et al., 2016, arXiv 1604.06174): layers keep their inputs and are computed twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

# Layers of decoders take a cache of keys under one of these names; computed twice, they would fill it twice.
_CACHES = ("past_key_values", "past_key_value", "layer_past")


@contextmanager
def activation_checkpointing(model: nn.Module) -> Iterator[int]:
    """Within the block each transformer layer keeps its input alone and is computed again in the backward pass.

    Gives the number of such layers: 0 where the model has none, and then nothing changes. The backward pass may run
    after the block. Works in eval mode, where the transformers library's own switch does not, and leaves dropout as it
    is; random numbers are drawn the same the second time.
    """
    layers = _layers(model)
    for layer in layers:
        layer.forward = partial(_computed_twice, layer.forward)
    try:
        yield len(layers)
    finally:
        for layer in layers:
            del layer.forward  # the class's own shows again


def _layers(model: nn.Module) -> list[nn.Module]:
    """The transformer's layers; for a model that does not mark them, the items of its longest list of modules."""
    marked: list[nn.Module] = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    lists = [list(module) for module in model.modules() if isinstance(module, nn.ModuleList)]
    return marked or max(lists, key=len, default=[])


def _computed_twice(forward: Callable[..., Any], *inputs: Any, **named: Any) -> Any:
    named |= dict.fromkeys(name for name in _CACHES if name in named)
    if "use_cache" in named:
        named["use_cache"] = False
    return checkpoint(forward, *inputs, use_reentrant=False, **named)
