"""The licence that a model's own card names."""

from __future__ import annotations

import re
from pathlib import Path

from vectune.encode.resolve import resolve_model

_LICENSE = re.compile(r"^license:\s*['\"]?([\w.\-]+)", re.MULTILINE)


def license_of(name: str) -> str | None:
    """The `license` of the front matter of the model's README.md, such as apache-2.0; None when it names none."""
    card = Path(resolve_model(name).location) / "README.md"
    if not card.is_file():
        return None
    text = card.read_text(encoding="utf-8", errors="replace")
    front = text.split("\n---", 1)[0] if text.startswith("---") else ""
    found = _LICENSE.search(front)
    return found.group(1).lower() if found else None
