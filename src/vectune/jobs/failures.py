"""Why a job failed, in words of the one who asked for it: a code, a sentence and the parameter to change."""

from __future__ import annotations

from collections.abc import Mapping
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

_NO_MEMORY = "The machine has too little memory for this job. Use a smaller model or batch_size, or shorter texts."
_OUR_FAULT = "Something went wrong in vectune itself. The log of the service has the details under the job's id."


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
    _Cause(StorageError, "storage_error"),
)


def failure(error: BaseException, names: Mapping[str, str]) -> dict[str, Any]:
    """`code`, `message` and `param` of a job that `error` ended; paths in `names` are called by the names there.

    Errors that vectune did not raise on purpose say nothing of themselves: a client could do nothing about them.
    """
    if _is_out_of_memory(error):
        return {"code": "out_of_memory", "message": _NO_MEMORY, "param": None}
    for cause in _CAUSES:
        if isinstance(error, cause.error):
            return {"code": cause.code, "message": _said(error, names), "param": cause.param}
    if isinstance(error, VectuneError):
        return {"code": error.code, "message": _said(error, names), "param": None}
    return {"code": "internal_error", "message": _OUR_FAULT, "param": None}


def renamed(text: str, names: Mapping[str, str]) -> str:
    """`text` with the paths of `names` called by the names there."""
    for path, name in names.items():
        text = text.replace(path, name)
    return text


def _said(error: VectuneError, names: Mapping[str, str]) -> str:
    return renamed(f"{error.message} {error.hint}".strip(), names)


def _is_out_of_memory(error: BaseException) -> bool:
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    )
