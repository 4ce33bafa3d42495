"""Whether a model brings Python code of its own, which would run with all the rights of whoever loads it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from vectune.errors import ModelError

_OURS = "sentence_transformers."
_CONFIGS = ("config.json", "tokenizer_config.json", "processor_config.json")


def refuse_custom_code(name: str, location: str) -> None:
    """Raise ModelError when the model in the folder `location` names code of its own.

    A config that names code (`auto_map`) is refused even where transformers knows the architecture: the named code may
    compute other vectors, and these are the ones that the model's author means.
    """
    found = custom_code(Path(location))
    if found:
        raise code_not_allowed(name, found)


def code_not_allowed(name: str, found: str) -> ModelError:
    """The refusal of a model that needs its own code, `found` where."""
    return ModelError(
        f"The model {name} brings Python code of its own ({found}), which would run on this machine.",
        "Read that code; if you trust it, allow it with --trust-remote-code.",
    )


def custom_code(folder: Path) -> str:
    """Which code the model in `folder` names, in a few words; empty where it names none."""
    modules = _read(folder / "modules.json")
    entries = modules if isinstance(modules, list) else []
    foreign = sorted({str(entry.get("type", "")) for entry in entries} - {""})
    foreign = [kind for kind in foreign if not kind.startswith(_OURS)]
    if foreign:
        return f"modules.json names {', '.join(foreign)}"
    for place in (folder, *(folder / str(entry.get("path", "")) for entry in entries)):
        for file in _CONFIGS:
            content = _read(place / file)
            if isinstance(content, dict) and content.get("auto_map"):
                return f"auto_map in {(place / file).relative_to(folder)}"
    return ""


def copy_code(source: Path, target: Path) -> None:
    """Put the model's own Python files beside its saved weights, so that the saved model loads by itself."""
    for file in sorted(source.rglob("*.py")):
        place = target / file.relative_to(source)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)


def _read(file: Path) -> Any:
    """The file's JSON; None where there is no file or no JSON: loading says what is wrong with it."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
