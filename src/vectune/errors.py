"""The errors that vectune raises on purpose: the class says who must act, the sentence says what to do."""

from __future__ import annotations

_SAID_CHARS = 300


class VectuneError(Exception):
    """Root of every error that vectune raises on purpose.

    `message` is one sentence that says what was found; `hint` is one that says what to do about it. `told` is the
    message for clients of the service, who see nothing of what a library said. `code` is stable and meant for machines;
    `exit_status` is what the command line ends with.
    """

    code = "vectune_error"
    exit_status = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = self.told = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class ConfigError(VectuneError):
    """The settings can't be used: unknown key, value out of range, or settings that contradict one another."""

    code = "config_error"
    exit_status = 2


class UsageError(VectuneError):
    """The command was asked wrongly: a path that does not exist, or arguments that do not go together."""

    code = "usage_error"
    exit_status = 2


class DataError(VectuneError):
    """The data can't be used as it is: empty, unreadable, ambiguous roles, too many bad lines."""

    code = "data_error"


class ModelError(VectuneError):
    """A model can't be found, loaded or trusted."""

    code = "model_error"

    @classmethod
    def because(cls, what: str, error: BaseException, hint: str = "") -> ModelError:
        """`what` went wrong, without its full stop, and what a library said of it, which `told` leaves out."""
        made = cls(f"{what}: {' '.join(str(error).split())[:_SAID_CHARS]}", hint)
        made.told = f"{what}."
        return made


class TrainingError(VectuneError):
    """Training can't go on: the loss is no number, or there is nothing to learn from."""

    code = "training_error"


class StorageError(VectuneError):
    """A result could not be written or read back: disk full, no permission, a damaged run folder."""

    code = "storage_error"


class CapacityError(VectuneError):
    """The machine is too small for what was asked: memory or time."""

    code = "capacity_error"


class NotFound(VectuneError):  # noqa: N818 - the name that people look for
    """A run, model or file that was named does not exist."""

    code = "not_found"


class Interrupted(VectuneError):  # noqa: N818 - not a fault: the user asked for it
    """The user stopped the work; what was done is saved, and the hint says how to go on."""

    code = "interrupted"
    exit_status = 130
