"""The sizes that a model's vectors were trained for."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

_SPACE_FILE = "vectune_space.json"


@lru_cache(maxsize=256)
def trained_dims(folder: Path) -> frozenset[int]:
    """Matryoshka sizes that vectune wrote beside the model; none for other models."""
    for place in (folder, folder / "model"):
        try:
            content = json.loads((place / _SPACE_FILE).read_text(encoding="utf-8"))
            return frozenset(int(dim) for dim in content["dims"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return frozenset()
