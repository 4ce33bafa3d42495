"""Low-rank updates beside frozen weights (LoRA: Hu et al., 2021, arXiv 2106.09685), by way of peft."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, TaskType, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import save_file
from torch import nn
from transformers.pytorch_utils import Conv1D

from vectune.config.train import TrainConfig
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import ModelError
from vectune.train.interpolate import Weights
from vectune.train.methods.full import require_transformer
from vectune.train.methods.method import Start

ADAPTER = "adapter"
_NAME = "default"


class Lora:
    """Adds an update of low rank to every linear layer of the encoder's blocks; the base's own weights stay."""

    def __init__(self, config: TrainConfig) -> None:
        self._config = config

    def dim(self, base: SentenceEncoder) -> int:
        """That of the base; ModelError when it has no linear layers in blocks."""
        linear_layers(_transformer(require_transformer(base)))
        return base.dim

    def begin(self, base: SentenceEncoder, start: Start) -> SentenceEncoder:
        """The base with updates of zero in it: its vectors are unchanged."""
        transformer = _transformer(base)
        for weight in base.model.parameters():
            weight.requires_grad_(False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._config.seed)
            inject_adapter_in_model(self._settings(transformer, base.name), transformer, adapter_name=_NAME)
        return base

    def unlearnt(self, before: Weights, tuned: Weights) -> Weights:
        """The tuned updates with one of their two factors at zero: mixing then scales the update and nothing else."""
        return {name: value * 0 if ".lora_B." in name else value for name, value in tuned.items()}

    def shares(self, wanted: tuple[float, ...]) -> tuple[float, ...]:
        """Those of the config."""
        return wanted

    def finish(self, encoder: SentenceEncoder, folder: Path) -> None:
        """Save the updates apart in `folder`/adapter, and merge them into the weights."""
        transformer = _transformer(encoder)
        _save(transformer, self._settings(transformer, encoder.name), folder / ADAPTER)
        merge(transformer)

    def _settings(self, model: nn.Module, name: str) -> LoraConfig:
        targets = linear_layers(model)
        return LoraConfig(
            task_type=TaskType.FEATURE_EXTRACTION,
            r=self._config.lora_rank,
            lora_alpha=cast(int, self._config.lora_alpha),  # peft does nothing with it but divide it by the rank
            target_modules=targets,
            fan_in_fan_out=isinstance(_plain(model.get_submodule(targets[0])), Conv1D),
            base_model_name_or_path=public_name(name),
        )


def linear_layers(model: nn.Module) -> list[str]:
    """Names of the linear layers inside the model's lists of blocks, whatever its architecture calls them.

    Embeddings, poolers and heads stand outside of the blocks and are left out. ModelError when there is none.
    """
    blocks = [f"{name}." for name, module in model.named_modules() if isinstance(module, nn.ModuleList)]
    updated = [f"{name}." for name, module in model.named_modules() if isinstance(module, BaseTunerLayer)]
    names = [
        name
        for name, module in model.named_modules()
        if isinstance(_plain(module), nn.Linear | Conv1D)
        and name.startswith(tuple(blocks))
        and not name.startswith(tuple(updated))
    ]
    if not names:
        raise ModelError(
            "The base has no linear layers in a list of blocks, which LoRA needs.", "Use --method full instead."
        )
    return names


def merge(model: nn.Module) -> None:
    """Add each update to the weights that it stands beside, and leave the plain layers."""
    for name, module in list(model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            cast(Any, module).merge()
            model.set_submodule(name, module.get_base_layer())


@contextmanager
def as_if_merged(encoder: SentenceEncoder) -> Iterator[None]:
    """While this lasts, the encoder has a merged copy in place of its transformer; training goes on with the original.

    Merging and taking it back would do without a copy, but leaves the base's weights off by roundings.
    """
    holder = cast(Any, encoder.model[0])
    original = holder.model
    merged = copy.deepcopy(original)
    merge(merged)
    holder.model = merged
    try:
        yield
    finally:
        holder.model = original


def public_name(name: str) -> str:
    """The model's name without this machine's folders: a hub name as it is, of a path its last part."""
    path = Path(name).expanduser()
    return path.resolve().name if path.exists() or path.is_absolute() else name


def _transformer(encoder: SentenceEncoder) -> nn.Module:
    return cast(nn.Module, cast(Any, encoder.model[0]).model)


def _plain(module: nn.Module) -> nn.Module:
    return cast(BaseTunerLayer, module).get_base_layer() if isinstance(module, BaseTunerLayer) else module


def _save(model: nn.Module, settings: LoraConfig, folder: Path) -> None:
    """adapter_model.safetensors and adapter_config.json, under the names by which peft loads them."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"base_model.model.{name.replace(f'.{_NAME}.', '.')}": value.detach().to("cpu").contiguous()
        for name, value in model.named_parameters()
        if ".lora_" in name
    }
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    settings.inference_mode = True
    settings.save_pretrained(str(folder))
