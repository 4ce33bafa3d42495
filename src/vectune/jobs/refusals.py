"""What the stores refuse: each class is one answer that a client can act on."""

from __future__ import annotations

from vectune.errors import ConfigError, DataError, NotFound, StorageError, UsageError, VectuneError


class BadParameter(ConfigError):  # noqa: N818 - named after what happened
    """A value of a request can't be used; `param` is its path in the request, like `method.supervised.n_epochs`."""

    code = "invalid_value"

    def __init__(self, message: str, hint: str = "", param: str | None = None) -> None:
        super().__init__(message, hint)
        self.param = param

    def __reduce__(self) -> tuple[type[BadParameter], tuple[str, str, str | None]]:
        return type(self), (self.message, self.hint, self.param)


class FileUnknown(NotFound):
    """The project has no such file; `param` is the field of the request that names it."""

    def __init__(self, message: str, hint: str = "", param: str = "training_file") -> None:
        super().__init__(message, hint)
        self.param = param

    def __reduce__(self) -> tuple[type[FileUnknown], tuple[str, str, str]]:
        return type(self), (self.message, self.hint, self.param)


class TooLarge(UsageError):  # noqa: N818 - named after what happened
    """A file is larger than is taken."""

    code = "file_too_large"


class InUse(UsageError):  # noqa: N818 - named after what happened
    """A file or model is needed by a job that is not done."""

    code = "in_use"


class Refused(UsageError):  # noqa: N818 - named after what happened
    """A job can't go from the status it has to the one that was asked for."""

    code = "invalid_status"


class LeaseLost(VectuneError):  # noqa: N818 - named after what happened
    """Another worker has the job, or the job is over: what this worker would write is not taken."""

    code = "lease_lost"


class DatabaseAway(StorageError):  # noqa: N818 - named after what happened
    """The database gave no answer: it may be asked again, and nobody knows whether what was said reached it."""

    code = "database_away"


class UnfitFile(DataError):  # noqa: N818 - named after what happened
    """A file of a job can't be used; `param` is the field of the job that names it."""

    def __init__(self, message: str, hint: str = "", param: str = "training_file") -> None:
        super().__init__(message, hint)
        self.param = param

    def __reduce__(self) -> tuple[type[UnfitFile], tuple[str, str, str]]:
        return type(self), (self.message, self.hint, self.param)
