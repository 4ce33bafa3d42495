"""The folder that a run leaves: where it lies, what it is called, and the summary that a list of runs shows."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from vectune.errors import NotFound, StorageError
from vectune.store.atomic import PARTIAL

VERDICT = "verdict.json"
"""The file that makes a folder a run folder; it is written last but for the report."""
_STAMP = "%Y%m%d-%H%M%S"
_STAMPED = re.compile(r"-(\d{8}-\d{6})(?:-\d+)?$")
_UNSAFE = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class RunSummary:
    """What a list shows of one run.

    `base`, `tuned` and `difference` are scores of `measure` on test; `interval` is the confidence interval of the
    difference. `created` has a time zone: the local one.
    """

    name: str
    path: Path
    created: datetime
    verdict: str
    measure: str
    base: float
    tuned: float
    difference: float
    interval: tuple[float, float]
    kind: str
    base_model: str

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values; `created` in ISO 8601."""
        return {
            "name": self.name,
            "path": str(self.path),
            "created": self.created.isoformat(timespec="seconds"),
            "verdict": self.verdict,
            "measure": self.measure,
            "base": self.base,
            "tuned": self.tuned,
            "difference": self.difference,
            "interval": list(self.interval),
            "kind": self.kind,
            "base_model": self.base_model,
        }


def default_run_folder(root: Path, name: str, now: datetime) -> Path:
    """`root/NAME-YYYYMMDD-HHMMSS` in local time, with `-2`, `-3`... where that is taken; nothing is made yet.

    `name` is brought down to letters, digits, `.`, `_` and `-`, at most 80 of them.
    """
    words = _UNSAFE.sub("-", unicodedata.normalize("NFKC", name)).strip(".-_")[:80].strip(".-_")
    stem = f"{words or 'run'}-{now.astimezone().strftime(_STAMP)}"
    folder, count = Path(root) / stem, 1
    while folder.exists() or folder.with_name(f".{folder.name}{PARTIAL}").exists():
        count += 1
        folder = Path(root) / f"{stem}-{count}"
    return folder


def run_name(folder: Path) -> str:
    """The run's name: that of its folder, also while the folder is still being written aside."""
    name = Path(folder).resolve().name
    if name.startswith(".") and name.endswith(PARTIAL):
        return name[1 : -len(PARTIAL)]
    return name


def run_folders(root: Path) -> tuple[Path, ...]:
    """The folders in `root` that claim to be runs: not hidden, not half-written; by name. Empty without `root`."""
    try:
        entries = sorted(Path(root).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise StorageError(
            f"{root} could not be read: {error.strerror}.", hint="Name another folder of runs."
        ) from error
    return tuple(entry for entry in entries if not entry.name.startswith(".") and entry.is_dir())


def list_runs(root: Path) -> tuple[RunSummary, ...]:
    """The readable runs in `root`, newest first; folders half-written or damaged are not among them."""
    runs = []
    for folder in run_folders(root):
        try:
            runs.append(read_run(folder))
        except (NotFound, StorageError):
            continue
    return newest_first(runs)


def newest_first(runs: list[RunSummary]) -> tuple[RunSummary, ...]:
    """`runs` by time of making, the newest first; by name where the times are equal."""
    return tuple(sorted(sorted(runs, key=lambda run: run.name), key=lambda run: run.created, reverse=True))


def read_run(path: Path) -> RunSummary:
    """The summary of the run at `path`. Raises NotFound without a run there, StorageError when it is damaged."""
    path = Path(path)
    verdict = read_verdict(path)
    try:
        return RunSummary(
            name=run_name(path),
            path=path,
            created=_created(path),
            verdict=_text(verdict, "verdict"),
            measure=_text(verdict, "measure"),
            base=_number(verdict, "base"),
            tuned=_number(verdict, "tuned"),
            difference=_number(verdict, "difference"),
            interval=_interval(verdict),
            kind=_text(verdict, "kind"),
            base_model=_text(verdict, "base_model"),
        )
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise _damaged(path / VERDICT, reason) from error


def read_verdict(path: Path) -> dict[str, Any]:
    """verdict.json of the run at `path`. Raises NotFound without one, StorageError when it can't be read."""
    content = read_json(Path(path) / VERDICT)
    if content is None:
        raise NotFound(f"{path} holds no run: there is no {VERDICT}.", hint="`vectune runs` lists the runs there are.")
    return content


def read_json(file: Path) -> dict[str, Any] | None:
    """The JSON object in `file`; None when there is no such file. Raises StorageError when it is damaged."""
    try:
        content = orjson.loads(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _damaged(file, error.strerror or "the system refused") from error
    except orjson.JSONDecodeError as error:
        raise _damaged(file, "it is not whole JSON") from error
    if not isinstance(content, dict):
        raise _damaged(file, "it is not a JSON object")
    return content


def _damaged(file: Path, reason: str) -> StorageError:
    return StorageError(f"{file} can't be read: {reason}.", hint="Restore the folder from a copy, or remove it.")


def _created(path: Path) -> datetime:
    stamped = _STAMPED.search(run_name(path))
    if stamped:
        try:
            return datetime.strptime(stamped.group(1), _STAMP).astimezone()
        except ValueError:
            pass  # digits that are no date: the file's own time stands in
    return datetime.fromtimestamp((path / VERDICT).stat().st_mtime).astimezone()


def _text(verdict: Mapping[str, Any], key: str) -> str:
    value = verdict[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is not a text")
    return value


def _number(verdict: Mapping[str, Any], key: str) -> float:
    return _finite(verdict[key], key)


def _interval(verdict: Mapping[str, Any]) -> tuple[float, float]:
    ends = verdict["interval"]
    if not isinstance(ends, list) or len(ends) != 2:
        raise TypeError("interval is not two numbers")
    return _finite(ends[0], "interval"), _finite(ends[1], "interval")


def _finite(value: object, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{key} is not a number")
    return float(value)
