"""The error of a loss that is no number names every row somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from vectune.train.no_number import BadBatch, no_number
from vectune.train.row_names import LISTED

MANY = [f"q{i} d{i}" for i in range(LISTED + 2)]


@pytest.mark.parametrize("culprits", [0, 1])
def test_few_rows_are_all_in_the_sentence(tmp_path: Path, culprits: int) -> None:
    """No file is written then; rows that are known to be bad are told apart."""
    error = no_number("The loss became nan at step 3", BadBatch(["4", "2"], culprits), tmp_path / "rows.txt")
    told = " (the first 1 with vectors that are no numbers)" if culprits else ""
    assert error.message == f"The loss became nan at step 3, in the batch of these rows{told}: 4, 2."
    assert list(tmp_path.iterdir()) == []


def test_many_rows_are_in_the_file(tmp_path: Path) -> None:
    """One a line in their order; the sentence counts those that it leaves out and names the file."""
    file = tmp_path / "rows.txt"
    error = no_number("The loss became nan at step 3", BadBatch(MANY, 0), file)
    assert error.message.endswith(f"{MANY[LISTED - 1]} and 2 more (all {LISTED + 2} are in {file}).")
    assert file.read_text().splitlines() == MANY


def test_a_disk_that_refuses_hides_nothing(tmp_path: Path) -> None:
    """Without the file the error is the same but for its name."""
    error = no_number("The loss became nan at step 3", BadBatch(MANY, 0), tmp_path / "nowhere" / "rows.txt")
    assert error.message.endswith(f"{MANY[LISTED - 1]} and 2 more.")
    assert no_number("The loss became nan at step 3", BadBatch(MANY, 0), None).message == error.message
