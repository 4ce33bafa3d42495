"""The log of the service: one JSON object a line, with the request or job that it is about, and nothing that callers
sent."""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from types import TracebackType
from typing import Any

import orjson

from vectune.config.log import LogConfig
from vectune.errors import CapacityError, ModelError, StorageError, TrainingError

EXTRAS = (
    "request_id", "method", "route", "status", "code", "ms", "bytes_in", "bytes_out", "project", "key", "model",
    "tokens", "job", "worker", "freed_bytes", "removed",
)  # fmt: skip
"""What a line may have beside time, level, logger and message; other extras are not written."""
_LOG = logging.getLogger("vectune")
_FIELDS: ContextVar[Mapping[str, Any]] = ContextVar("vectune_log_fields")
_NONE: Mapping[str, Any] = {}
_OPERATORS = (StorageError, CapacityError, ModelError, TrainingError)
"""Errors whose sentence is for whoever runs the service. Those for callers are told to the callers alone: they name
what was sent."""
_SECRETS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+"), r"\1 ***"),
    (
        re.compile(
            r"(?i)((?:api[-_ ]?key|authorization|passw(?:or)?d|secret|token)[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&]+"
        ),
        r"\1***",
    ),
    (re.compile(r"\b(sk|vt)-[\w-]{6,}"), r"\1-***"),
    (re.compile(r"(\w://)[^/\s@]+@"), r"\1***@"),
)


@contextmanager
def log_fields(**fields: Any) -> Iterator[None]:
    """Every line that is logged inside has `fields`; so have those of threads that asyncio.to_thread starts there."""
    token = _FIELDS.set({**_FIELDS.get(_NONE), **fields})
    try:
        yield
    finally:
        _FIELDS.reset(token)


def redacted(text: str) -> str:
    """`text` without keys, passwords and the like, as far as they can be told from what stands around them."""
    for pattern, shown in _SECRETS:
        text = pattern.sub(shown, text)
    return text


class JsonLines(logging.Formatter):
    """One JSON object a line. With `details` the messages of unforeseen errors are written too."""

    def __init__(self, details: bool = False) -> None:
        super().__init__()
        self._details = details

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON without a line break."""
        return orjson.dumps(_entry(record, self._details), default=str).decode()


class PlainLines(JsonLines):
    """The same for people: the time, the message, the rest as NAME=VALUE, a traceback below."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, and its traceback as some more."""
        entry = _entry(record, self._details)
        below = entry.pop("traceback", None)
        first = " ".join(str(entry.pop(name)) for name in ("time", "level", "message"))
        line = " ".join((first, *(f"{name}={value}" for name, value in entry.items())))
        return line if below is None else f"{line}\n{below}"


@contextmanager
def writing_log(config: LogConfig) -> Iterator[None]:
    """Logging goes where `config` says, of this program from its level on and of libraries warnings and errors.

    So do Python's warnings and errors that end a thread or the process. Everything is as it was after the block.
    """
    handler = _handler(config)
    root = logging.getLogger()
    levels = (root.level, _LOG.level)
    hooks = (sys.excepthook, threading.excepthook)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    _LOG.setLevel(config.level.upper())
    logging.captureWarnings(True)
    sys.excepthook, threading.excepthook = _process_ends, _thread_ends
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook = hooks
        logging.captureWarnings(False)
        root.setLevel(levels[0])
        _LOG.setLevel(levels[1])
        root.removeHandler(handler)
        handler.close()


def _handler(config: LogConfig) -> logging.Handler:
    handler: logging.Handler
    if config.file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        with suppress(OSError):
            config.file.parent.mkdir(parents=True, exist_ok=True)
        try:
            handler = WatchedFileHandler(config.file, encoding="utf-8")
        except OSError as error:
            raise StorageError(
                f"The log {config.file} can't be written: {error.strerror}.", "Name another file: --log."
            ) from error
    plain = config.style == "plain" or (config.style == "auto" and config.file is None and sys.stderr.isatty())
    handler.addFilter(_is_wanted)
    handler.setFormatter(PlainLines(config.details) if plain else JsonLines(config.details))
    return handler


def _is_wanted(record: logging.LogRecord) -> bool:
    """Ours, and what libraries warn of; some of them set levels of their own, and talk."""
    return record.name.partition(".")[0] == _LOG.name or record.levelno >= logging.WARNING


def _entry(record: logging.LogRecord, details: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": _clean(record.getMessage()),
        **_FIELDS.get(_NONE),
    }
    given = record.__dict__
    entry |= {name: given[name] for name in EXTRAS if given.get(name) is not None}
    if record.exc_info and record.exc_info[1] is not None:
        entry["error"] = type(record.exc_info[1]).__name__
        entry["traceback"] = _traceback(record.exc_info[1], details)
    return entry


def _traceback(error: BaseException, details: bool) -> str:
    """Where the error and what caused it came from, the first cause first, as Python shows it."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        parts.append("".join(traceback.format_tb(current.__traceback__)) + _named(current, details))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n".join(reversed(parts))


def _named(error: BaseException, details: bool) -> str:
    """The kind of the error, and its message where that is for the log."""
    told = ""
    if details or isinstance(error, _OPERATORS):
        told = str(error)
    elif isinstance(error, OSError):
        told = error.strerror or ""
    return f"{type(error).__name__}: {_clean(told)}" if told else type(error).__name__


def _clean(text: str) -> str:
    """Without secrets, and without halves of surrogate pairs, which no JSON takes."""
    return redacted(text).encode("utf-8", "replace").decode("utf-8")


def _process_ends(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    _LOG.critical("the process ends", exc_info=(kind, error, trace))


def _thread_ends(given: threading.ExceptHookArgs) -> None:
    if given.exc_value is not None and not issubclass(given.exc_type, SystemExit):
        name = given.thread.name if given.thread else "?"
        _LOG.critical("the thread %s ended", name, exc_info=given.exc_value)
