"""`vectune demo`: Python's own documentation as data, built from the installed interpreter."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vectune.data.stdlib_docs import write_stdlib_pairs
from vectune.errors import Interrupted

DEMO_SETTINGS: dict[str, Any] = {
    "path": "python-stdlib.jsonl",
    "name": "python-stdlib",
    "train.epochs": 1.0,
    "train.dims": (384, 128, 64),
    "train.dev_queries": 200,
    "train.dev_corpus": 400,
    "train.evals_per_epoch": 3,
    "train.interpolation": (0.5, 1.0),
}
"""One epoch and few evaluations, so that the demo is over in minutes on two cores."""


@contextmanager
def demo_data() -> Iterator[Path]:
    """A JSONL file of pairs (summary line, rest of the documentation) that is gone afterwards.

    Work that was interrupted leaves it behind, since `--resume` will read it.
    """
    folder = Path(tempfile.mkdtemp(prefix="vectune-demo-"))
    resumable = False
    try:
        path = folder / "python-stdlib.jsonl"
        write_stdlib_pairs(path)
        yield path
    except Interrupted:
        resumable = True
        raise
    finally:
        if not resumable:
            shutil.rmtree(folder, ignore_errors=True)
