"""Which of a model's own prompts goes before a text: one rule, whatever reads the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from vectune.records import Role

_NAMES: Mapping[Role, tuple[str, ...]] = {Role.QUERY: ("query",), Role.DOCUMENT: ("document", "passage", "corpus")}


def role_prompt(prompts: Mapping[str, str | None], default_name: str | None, role: Role) -> str:
    """The first prompt among the role's names that is not empty; without one the prompt called `default_name`, unless
    that is a name of the other role; else nothing.

    An empty prompt says nothing: sentence-transformers gives every model an empty `query` and an empty `document`, also
    one that calls its document prompt `passage`.
    """
    for name in _NAMES[role]:
        if prompts.get(name):
            return prompts[name] or ""
    if default_name is None or any(default_name in names for other, names in _NAMES.items() if other is not role):
        return ""
    return prompts.get(default_name) or ""


def saved_prompts(folder: Path) -> tuple[str, str]:
    """Query and document prompt of the model in `folder`, from where sentence-transformers keeps them."""
    file = folder / "config_sentence_transformers.json"
    content = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    prompts, default = content.get("prompts") or {}, content.get("default_prompt_name")
    return role_prompt(prompts, default, Role.QUERY), role_prompt(prompts, default, Role.DOCUMENT)
