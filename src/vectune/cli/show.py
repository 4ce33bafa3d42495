"""Results on stdout: tables for people, one JSON object for machines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console, RenderableType

from vectune.config import Config
from vectune.config.load import to_toml


def show(content: Mapping[str, Any], renderables: Iterable[RenderableType], as_json: bool) -> None:
    """Print `content` as JSON, or the renderables."""
    if as_json:
        print(json.dumps(content, ensure_ascii=False, indent=2))
        return
    console = Console()
    for renderable in renderables:
        if isinstance(renderable, str):  # a path may hold brackets, and must stay whole for whoever copies it
            console.print(renderable, markup=False, highlight=False, soft_wrap=True)
        else:
            console.print(renderable)


def show_config(config: Config, as_json: bool) -> None:
    """What `--dry-run` prints: the settings as TOML, or as JSON."""
    print(json.dumps(config.model_dump(mode="json"), indent=2) + "\n" if as_json else to_toml(config), end="")
