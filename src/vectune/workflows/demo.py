"""`vectune demo`: Python's own documentation as data, built from the installed interpreter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vectune.data.stdlib_docs import write_stdlib_pairs
from vectune.store.atomic import storage_error

DEMO_DATA = Path("runs") / "python-stdlib.jsonl"
"""Where the demo's data lies, to be looked at, and read again by `--resume`."""
DEMO_SETTINGS: dict[str, Any] = {
    "path": str(DEMO_DATA),
    "name": "python-stdlib",
    "train.epochs": 1.0,
    "train.dims": (384, 128, 64),
    "train.max_tokens": 128,
    "train.dev_queries": 200,
    "train.dev_corpus": 400,
    "train.evals_per_epoch": 2,
    "train.interpolation": (0.5, 1.0),
}
"""One epoch over the first 128 tokens and few evaluations, so that the demo is over in minutes on two cores."""


def write_demo_data(path: Path) -> int:
    """Write the pairs (summary line, rest of the documentation) as JSONL; gives back how many there are."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_stdlib_pairs(path)
    except OSError as error:
        raise storage_error(path, error) from error
