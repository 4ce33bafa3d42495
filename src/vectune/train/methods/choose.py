"""From a method's name to what does it; the library that a method needs is loaded with it and not before."""

from __future__ import annotations

from vectune.config.train import TrainConfig
from vectune.train.methods.full import Full
from vectune.train.methods.method import Method


def choose_method(config: TrainConfig) -> Method:
    """The method that `config` names, among those whose weights the training loop moves."""
    if config.method == "lora":
        from vectune.train.methods.lora import Lora

        return Lora(config)
    if config.method == "static":
        from vectune.train.methods.static import Static

        return Static(config)
    return Full()
