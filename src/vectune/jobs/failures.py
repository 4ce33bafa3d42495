"""Why a job failed, in words of the one who asked for it: a code, a sentence and the parameter to change."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vectune.errors import (
    CapacityError,
    ConfigError,
    DataError,
    ModelError,
    NotFound,
    StorageError,
    TrainingError,
    VectuneError,
)
from vectune.jobs.places import without_paths
from vectune.jobs.refusals import DatabaseAway
from vectune.store.atomic import no_room

_NO_MEMORY = "The machine has too little memory for this job. Use a smaller model or batch_size, or shorter texts."
_NO_ROOM = "The server's disk is full. Tell whoever runs it; once there is room, create the job again."
_STORAGE = (
    "The server could not keep the work of this job. Tell whoever runs it: its log has the reason under the job's id."
)
_OUR_FAULT = "Something went wrong in vectune itself. The log of the service has the details under the job's id."
_MEMORY_SIGNS = ("can't allocate memory", "std::bad_alloc", "not enough memory")
_MOST_SAID = 2000
_FLAG = re.compile(r"--([a-z][a-z-]*)")
_HYPERPARAMETERS = {
    "epochs": "n_epochs", "batch-size": "batch_size", "learning-rate": "learning_rate_multiplier", "dims": "dimensions",
    "loss": "loss", "method": "method", "max-tokens": "max_tokens", "patience": "patience",
}  # fmt: skip
"""Options of the command line that sentences name, and the hyperparameters that are the same."""


@dataclass(frozen=True)
class _Cause:
    error: type[VectuneError]
    code: str
    param: str | None = None


_CAUSES = (
    _Cause(DataError, "invalid_training_file", "training_file"),
    _Cause(NotFound, "not_found", "training_file"),
    _Cause(ModelError, "invalid_model", "model"),
    _Cause(ConfigError, "invalid_hyperparameters", "hyperparameters"),
    _Cause(TrainingError, "training_failed"),
    _Cause(CapacityError, "out_of_memory"),
)


def failure(error: BaseException, names: Mapping[str, str]) -> dict[str, Any]:
    """`code`, `message` and `param` of a job that `error` ended; paths in `names` are called by the names there.

    Errors that vectune did not raise on purpose say nothing of themselves: a client could do nothing about them.
    """
    if _is_out_of_memory(error):
        return {"code": "out_of_memory", "message": _NO_MEMORY, "param": None}
    if any(no_room(each) is not None for each in _chain(error)):
        return {"code": "storage_error", "message": _NO_ROOM, "param": None}
    if isinstance(error, StorageError | OSError):
        return {"code": "storage_error", "message": _STORAGE, "param": None}
    for cause in _CAUSES:
        if isinstance(error, cause.error):
            param = getattr(error, "param", None) or cause.param
            return {"code": cause.code, "message": said(error, names), "param": param}
    if isinstance(error, VectuneError):
        return {"code": error.code, "message": said(error, names), "param": None}
    return {"code": "internal_error", "message": _OUR_FAULT, "param": None}


def is_database_away(error: BaseException) -> bool:
    """Whether `error`, or what it was raised from, is that the database gave no answer."""
    return any(isinstance(each, DatabaseAway) for each in _chain(error))


def renamed(text: str, names: Mapping[str, str]) -> str:
    """`text` with the paths of `names` called by the names there, those that lie deepest first."""
    for path in sorted(names, key=len, reverse=True):
        text = text.replace(path, names[path])
    return text


def said(error: VectuneError, names: Mapping[str, str]) -> str:
    """Both sentences of `error` for a client: options of the command line are called as hyperparameters, and no path is
    told.

    A hint at an option that clients do not have is left out; where the data is at fault, another stands for it. A
    message that is long, since it names what the file calls its columns, is cut.
    """
    hint = error.hint
    if not set(_FLAG.findall(hint)) <= _HYPERPARAMETERS.keys():
        hint = "Change the file and upload it again." if isinstance(error, DataError) else ""
    message = error.told if len(error.told) <= _MOST_SAID else f"{error.told[:_MOST_SAID]}..."
    text = f"{message} {hint}".strip()
    text = _FLAG.sub(lambda found: _HYPERPARAMETERS.get(found[1], found[1].replace("-", "_")), text)
    text = renamed(text, names)
    return text if isinstance(error, DataError) else without_paths(text)  # data is the owner's own words


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, one after the other."""
    found: BaseException | None = error
    for _ in range(20):
        if found is None:
            return
        yield found
        found = found.__cause__ or found.__context__


def _is_out_of_memory(error: BaseException) -> bool:
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or (isinstance(error, RuntimeError) and any(sign in str(error) for sign in _MEMORY_SIGNS))
    )
