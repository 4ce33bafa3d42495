"""Why a job failed, said to its owner."""

from __future__ import annotations

import errno
import pickle

import pytest

from vectune import errors
from vectune.jobs.failures import failure, is_database_away, renamed, said
from vectune.jobs.refusals import DatabaseAway, UnfitFile


@pytest.mark.parametrize(
    ("error", "code", "param"),
    [
        (errors.DataError("a", "b"), "invalid_training_file", "training_file"),
        (errors.ModelError("a", "b"), "invalid_model", "model"),
        (errors.ConfigError("a", "b"), "invalid_hyperparameters", "hyperparameters"),
        (errors.TrainingError("a", "b"), "training_failed", None),
        (errors.UsageError("a", "b"), "usage_error", None),
        (errors.CapacityError("a", "b"), "out_of_memory", None),
        (errors.NotFound("a", "b"), "not_found", "training_file"),
        (UnfitFile("a", "b", "validation_file"), "invalid_training_file", "validation_file"),
    ],
)
def test_our_errors_say_what_was_found_and_what_to_do(error: Exception, code: str, param: str | None) -> None:
    """An error of ours keeps its two sentences, under a code and the parameter to change."""
    assert failure(error, {}) == {"code": code, "message": "a b", "param": param}


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: x"),
        RuntimeError("std::bad_alloc"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
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


def test_words_of_libraries_are_not_told() -> None:
    """Of a model that a library can't load the owner hears that, and nothing that the library said."""
    error = errors.ModelError.because("The model can't be loaded", KeyError("secret\nline"), "Name another.")
    assert failure(error, {})["message"] == "The model can't be loaded. Name another."
    assert error.message == "The model can't be loaded: 'secret\\nline'"
    assert pickle.loads(pickle.dumps(error)).told == error.told


@pytest.mark.parametrize("place", ["/root/.cache/huggingface/hub/models/b", "/usr/lib/python3/site-packages/gt"])
def test_no_path_is_told_that_has_no_name(place: str) -> None:
    """Bases that are known by a name lie in caches and packages: their places are left out, also of settings."""
    for kind in (errors.ModelError, errors.ConfigError, errors.CapacityError):
        message = failure(kind(f"{place}/x.bin is bad.", f"Look at {place}."), {})["message"]
        assert message == "its place on the server is bad. Look at its place on the server."


def test_what_clients_know_is_told() -> None:
    """Paths of the service, names with a slash and what stands in the owner's own file stay; endpoints do not."""
    error = errors.NotFound("There is no model org/name.", "GET /v1/models lists those there are.")
    assert failure(error, {})["message"] == f"{error.message} {error.hint}"
    assert said(errors.DataError("The label /news/sport is alone."), {}) == "The label /news/sport is alone."
    assert said(errors.ModelError("http://10.0.0.1:80/v1 can't be reached."), {}) == "the endpoint can't be reached."


def test_paths_are_called_by_their_owners_names() -> None:
    """A path of this machine becomes the name that its owner gave it."""
    assert renamed("/srv/file-1.jsonl line 3", {"/srv/file-1.jsonl": "rows.jsonl"}) == "rows.jsonl line 3"


def chained(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "/srv/secret"),
        RuntimeError("I/O error: No space left on device (os error 28)"),
        chained(errors.StorageError("/srv/secret could not be written."), OSError(errno.ENOSPC, "x")),
    ],
)
def test_full_disk_is_told_as_such(error: Exception) -> None:
    """However the disk says that it is full, the owner hears that, and no path of the machine."""
    found = failure(error, {})
    assert (found["code"], found["param"]) == ("storage_error", None)
    assert "disk is full" in found["message"]
    assert "secret" not in found["message"]


@pytest.mark.parametrize(
    "error", [errors.StorageError("/srv/secret is damaged."), PermissionError(13, "x", "/srv/secret")]
)
def test_trouble_with_storage_tells_no_path(error: Exception) -> None:
    """The owner can't mend the server's disk: the message says whom to tell."""
    found = failure(error, {})
    assert found["code"] == "storage_error"
    assert "secret" not in found["message"]
    assert "log" in found["message"]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (errors.TrainingError("No number.", "Lower --learning-rate."), "No number. Lower learning_rate_multiplier."),
        (errors.TrainingError("Cut off.", "Go on with: vectune tune --resume /srv/secret"), "Cut off."),
        (errors.DataError("Which?", "name it: --columns first=.."), "Which? Change the file and upload it again."),
        (errors.ModelError("No blocks.", "Use --method full instead."), "No blocks. Use method full instead."),
    ],
)
def test_options_of_the_command_line_are_not_a_clients_words(error: errors.VectuneError, says: str) -> None:
    """Options are called as the hyperparameters that they are; a hint at any other is left out."""
    assert said(error, {}) == says


def test_longer_paths_are_renamed_first() -> None:
    """A file in the server's folder is called by its own name, not as something in the folder."""
    names = {"/srv": "the server's folder", "/srv/file-1.jsonl": "rows.jsonl"}
    assert renamed("/srv/file-1.jsonl, /srv/x", names) == "rows.jsonl, the server's folder/x"


def test_database_that_is_away_is_found_behind_other_errors() -> None:
    """The workflow wraps what it can't write; the job is not to blame for the database all the same."""
    assert is_database_away(chained(errors.StorageError("x"), DatabaseAway("y")))
    assert not is_database_away(errors.StorageError("x"))
