"""Why a job failed, said to its owner."""

from __future__ import annotations

import pytest

from vectune import errors
from vectune.jobs.failures import failure, renamed


@pytest.mark.parametrize(
    ("error", "code", "param"),
    [
        (errors.DataError("a", "b"), "invalid_training_file", "training_file"),
        (errors.ModelError("a", "b"), "invalid_model", "model"),
        (errors.ConfigError("a", "b"), "invalid_hyperparameters", "hyperparameters"),
        (errors.TrainingError("a", "b"), "training_failed", None),
        (errors.StorageError("a", "b"), "storage_error", None),
        (errors.UsageError("a", "b"), "usage_error", None),
        (errors.CapacityError("a", "b"), "out_of_memory", None),
    ],
)
def test_our_errors_say_what_was_found_and_what_to_do(error: Exception, code: str, param: str | None) -> None:
    """An error of ours keeps its two sentences, under a code and the parameter to change."""
    assert failure(error, {}) == {"code": code, "message": "a b", "param": param}


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: x")])
def test_no_memory_is_told_as_such(error: Exception) -> None:
    """However memory runs out, the owner hears what to make smaller."""
    found = failure(error, {})
    assert found["code"] == "out_of_memory"
    assert "batch_size" in found["message"]


def test_surprises_tell_nothing_of_the_inside() -> None:
    """An error that nobody foresaw says nothing of paths or code."""
    found = failure(KeyError("/srv/secret"), {})
    assert found["code"] == "internal_error"
    assert "secret" not in found["message"]


def test_paths_are_called_by_their_owners_names() -> None:
    """A path of this machine becomes the name that its owner gave it."""
    assert renamed("/srv/file-1.jsonl line 3", {"/srv/file-1.jsonl": "rows.jsonl"}) == "rows.jsonl line 3"
