"""The end of a run whose loss or gradient became no number: the rows of the batch, the likeliest ones first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vectune.errors import StorageError, TrainingError
from vectune.store.atomic import write_text
from vectune.train.row_names import LISTED, listed

ROWS_FILE = "rows_without_number.txt"
"""Its name in the folder of a run: one row a line."""


@dataclass(frozen=True)
class BadBatch:
    """The names of a batch's rows; the first `culprits` of them have texts whose vectors are no numbers."""

    names: Sequence[str]
    culprits: int


def no_number(found: str, batch: BadBatch, file: Path | None) -> TrainingError:
    """The error that says `found` and names the rows; where they are too many for a sentence, `file` has them all."""
    whole = ""
    if file is not None and len(batch.names) > LISTED and _written(file, batch.names):
        whole = f" (all {len(batch.names)} are in {file})"
    rows = "these rows"
    if batch.culprits:
        rows = f"these rows (the first {batch.culprits} with vectors that are no numbers)"
    return TrainingError(
        f"{found}, in the batch of {rows}: {listed(batch.names)}{whole}.",
        "Look at these rows, lower --learning-rate, or use fp32 precision.",
    )


def _written(file: Path, names: Sequence[str]) -> bool:
    """Whether the disk took the list; one that does not must not hide what happened."""
    try:
        write_text(file, "".join(f"{name}\n" for name in names))
    except StorageError:
        return False
    return True
