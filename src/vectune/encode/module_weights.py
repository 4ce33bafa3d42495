"""Which files hold the weights of a model's modules, told from names: what lies beside them is none of the model."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from vectune.errors import ModelError

MODEL_FILE, INDEX_FILE = "model.safetensors", "model.safetensors.index.json"
_PICKLED: Mapping[str, tuple[str, ...]] = {
    "pytorch_model.bin": (MODEL_FILE, INDEX_FILE),
    "adapter_model.bin": ("adapter_model.safetensors",),
}
"""What would be unpickled, and the files of which one keeps it from being read."""


def refuse_pickled(name: str, folder: Path, files: Iterable[str] | None = None) -> None:
    """Raise ModelError where a module of the model has weights that are not safetensors, and none that are.

    `folder` holds modules.json; `files` are the paths of all the model's files, by default those of the folder.
    """
    found = {PurePosixPath(file) for file in (_files(folder) if files is None else files)}
    outside = [place for place in _modules(folder) if place.is_absolute() or ".." in place.parts]
    if outside:
        raise ModelError(f"The model {name} has a module outside its folder: {outside[0]}.", "Name another model.")
    for place in sorted(_of_modules(folder, found)):
        safe = _PICKLED.get(place.name, ())
        if safe and not any(place.with_name(file) in found for file in safe):
            raise ModelError(
                f"The model {name} has weights that are not safetensors: {place}.",
                "Save them as safetensors where you trust them: whoever loads other files may run code in them.",
            )


def weights_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files that loading the model in `folder` reads, sorted.

    Of each module its model.safetensors, the files of its index, or, with neither, all that lie beside one another.
    """
    modules: dict[PurePosixPath, list[PurePosixPath]] = {}
    for place in _of_modules(folder, {PurePosixPath(file) for file in _files(folder)}):
        if place.suffix == ".safetensors":
            modules.setdefault(place.parent, []).append(place)
    chosen = (file for parent, files in modules.items() for file in _of_one(folder / parent, files))
    return tuple(sorted(folder / file for file in chosen))


def _of_one(module: Path, files: list[PurePosixPath]) -> Iterable[PurePosixPath]:
    """Those of `files`, all in `module`, that are read."""
    whole = [file for file in files if file.name == MODEL_FILE]
    index = read_json(module / INDEX_FILE)
    shards = index.get("weight_map") if isinstance(index, dict) else None
    named = set(shards.values()) if isinstance(shards, dict) else set()
    return whole or [file for file in files if file.name in named] or files


def _of_modules(folder: Path, files: Collection[PurePosixPath]) -> Iterator[PurePosixPath]:
    """The files that belong to modules. A module in a folder of its own may keep others beneath, as routes do; one in
    the model's own folder has what lies there, and a model without a list of modules is such a one."""
    places = _modules(folder)
    for file in files:
        if any(place in file.parents if place.parts else not file.parent.parts for place in places):
            yield file


def _modules(folder: Path) -> list[PurePosixPath]:
    """Where modules lie under `folder`."""
    modules = read_json(folder / "modules.json")
    entries = [entry for entry in modules if isinstance(entry, dict)] if isinstance(modules, list) else [{}]
    return [PurePosixPath(str(entry.get("path", ""))) for entry in entries]


def _files(folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]


def read_json(file: Path) -> Any:
    """The file's content; None where there is no file or no JSON: loading says what is wrong with it."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
