"""Where vectune keeps what can be had again, at the cost of time or money."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that VECTUNE_CACHE names, else ~/.cache/vectune; it may not exist yet."""
    named = environment.get("VECTUNE_CACHE", "").strip()
    return Path(named).expanduser() if named else Path.home() / ".cache" / "vectune"
