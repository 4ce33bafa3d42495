"""Whether an uploaded file can be used: read as training would, within what a job may have; here, or as a process that
`check_process` starts (`python -m vectune.jobs.file_check`)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Protocol

import orjson

from vectune.config import DataConfig
from vectune.config.jobs import JobsConfig
from vectune.config.load import parse_config
from vectune.errors import Interrupted, VectuneError
from vectune.jobs.failures import said
from vectune.jobs.held_process import asked
from vectune.jobs.limits import RowLimit, refuse_long
from vectune.jobs.priority import give_way, go_first
from vectune.monitor.progress import Progress, Silent

NO_MEMORY = (
    "The file could not be read through: whoever read it was ended, most likely since there was no memory left. "
    "Give fewer or shorter rows, one a line."
)


class FileCheck(Protocol):
    """Reads a file through."""

    def __call__(self, path: Path, name: str, progress: Progress) -> str | None:
        """Why the file at `path`, which its owner calls `name`, can't be used; None where it can.

        Raises Interrupted when `progress` ends the work.
        """


def fault(config: JobsConfig, path: Path, name: str, progress: Progress) -> str | None:
    """The same, found out in this process; memory stays under 1 kB a row where rows stand one a line."""
    from vectune.data.check import check
    from vectune.data.read import open_source

    data = DataConfig()
    try:
        refuse_long(path, "file", config)
        check(open_source(str(path), data), data, progress=RowLimit(progress, config))
    except Interrupted:
        raise
    except VectuneError as error:
        return said(error, {str(path): name})
    return None


def main() -> None:
    """Read `path`, `name` and `config` as `asked` gives them, and write the `reason` to stdout as JSON."""
    request = asked()
    config = parse_config(JobsConfig, request["config"], "config")
    give_way(config.nice)
    go_first()
    try:
        reason = fault(config, Path(request["path"]), request["name"], Silent())
    except MemoryError:
        reason = NO_MEMORY
    sys.stdout.buffer.write(orjson.dumps({"reason": reason}))


if __name__ == "__main__":
    main()
