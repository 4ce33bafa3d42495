"""The log as JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vectune.config.log import LogConfig
from vectune.errors import DataError, StorageError
from vectune.monitor.json_log import JsonLines, PlainLines, log_fields, redacted, writing_log

LOG = logging.getLogger("vectune.test")
SECRET = "vt-0123456789abcdef-Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXU"


class Lines(logging.Handler):
    """Keeps each formatted line."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(self.format(record))


def _entries(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines(JsonLines())
    LOG.addHandler(handler)
    LOG.setLevel(logging.DEBUG)
    LOG.propagate = False  # what tests write to it is not for the test run's own report
    yield handler
    LOG.propagate = True
    LOG.removeHandler(handler)
    LOG.setLevel(logging.NOTSET)


def test_line_is_one_object() -> None:
    """Time, level, logger and message, whatever the message holds: line breaks and halves of characters too.

    Formatted without being logged: pytest keeps what is logged, and can't send such halves from process to process.
    """
    message, values = "first\nsecond \ud800 %s", ("é",)
    line = JsonLines().format(LOG.makeRecord(LOG.name, logging.WARNING, __file__, 1, message, values, None))
    entry = json.loads(line)
    assert "\n" not in line
    assert entry["message"] == "first\nsecond ? é"
    assert (entry["level"], entry["logger"]) == ("warning", "vectune.test")
    assert entry["time"].endswith("+00:00")


def test_only_known_extras_are_written(lines: Lines) -> None:
    """Extras on the list come along, others do not: nothing gets in by accident."""
    LOG.info("x", extra={"job": "ftjob-1", "status": 200, "body": "secret text", "key": None})
    entry = json.loads(lines.written[0])
    assert (entry["job"], entry["status"]) == ("ftjob-1", 200)
    assert "body" not in entry
    assert "key" not in entry


async def test_fields_follow_the_work(lines: Lines) -> None:
    """What is logged inside has the fields, also in the thread that does the work; afterwards it has not."""
    with log_fields(request_id="req_1"):
        with log_fields(job="ftjob-1"):
            await asyncio.to_thread(LOG.info, "inside")
        LOG.info("between")
    LOG.info("after")
    inside, between, after = (json.loads(line) for line in lines.written)
    assert (inside["request_id"], inside["job"]) == ("req_1", "ftjob-1")
    assert "job" not in between
    assert "request_id" not in after


def test_traceback_without_what_was_sent(lines: Lines) -> None:
    """An error that nobody foresaw is told by kind and place, with what caused it; its message may hold texts."""
    try:
        try:
            raise ValueError("the text that somebody sent")
        except ValueError as error:
            raise RuntimeError("the text that somebody sent") from error
    except RuntimeError:
        LOG.exception("it failed")
    entry = json.loads(lines.written[0])
    assert entry["error"] == "RuntimeError"
    assert entry["traceback"].endswith("RuntimeError")
    assert "test_traceback_without_what_was_sent" in entry["traceback"]
    assert entry["traceback"].index("ValueError") < entry["traceback"].index("RuntimeError")
    assert "somebody sent" not in entry["traceback"].replace('("the text that somebody sent")', "")


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (StorageError("The disk is full."), "StorageError: The disk is full."),
        (DataError("Row 3 holds 'private'."), "DataError"),
        (OSError(28, "No space left on device", "/home/x"), "OSError: No space left on device"),
    ],
    ids=["for operators", "for callers", "of the system"],
)
def test_messages_that_operators_need(lines: Lines, error: Exception, shown: str) -> None:
    """The sentence of an error that is for whoever runs the service is written, that for a caller is not."""
    LOG.error("it failed", exc_info=error)
    assert json.loads(lines.written[0])["traceback"] == shown


def test_details_on_request(lines: Lines) -> None:
    """With `details` messages are written too, keys still not."""
    lines.setFormatter(JsonLines(details=True))
    LOG.error("it failed", exc_info=ValueError(f"bad shape, Bearer {SECRET}"))
    told = json.loads(lines.written[0])["traceback"]
    assert told == "ValueError: bad shape, Bearer ***"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"got {SECRET} from somewhere",
        "sk-abcdefghijklmnop0123",
        'headers {"api-key": "abcdef"}',
        "postgresql://someone:hunter2@localhost/x",
        "password=hunter2&x=1",
        "token: abcdef",
    ],
)
def test_secrets_are_taken_out(text: str) -> None:
    """Keys and passwords are found by their form or by what stands before them."""
    shown = redacted(text)
    assert "***" in shown
    assert not any(secret in shown for secret in (SECRET, "abcdef", "hunter2"))


@pytest.mark.parametrize("text", ["5 tokens read", "GET /v1/files 200", "the job ftjob-abc began", "https://host/path"])
def test_other_texts_stay(text: str) -> None:
    """What is no secret is not touched."""
    assert redacted(text) == text


def test_for_people(lines: Lines) -> None:
    """The plain form has the message first, the fields after it, and the traceback below."""
    lines.setFormatter(PlainLines())
    LOG.error("it failed", extra={"job": "ftjob-1"}, exc_info=ValueError("x"))
    first, *below = lines.written[0].split("\n")
    assert " error it failed " in first
    assert "job=ftjob-1" in first
    assert below == ["ValueError"]


def test_file_from_start_to_end(tmp_path: Path) -> None:
    """Everything goes to the file, its folder is made, and afterwards logging is as it was."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers), sys.excepthook, threading.excepthook)
    with writing_log(LogConfig(file=tmp_path / "a" / "log")):
        LOG.info("ours")
        LOG.debug("not so much")
        logging.getLogger("some.library").setLevel(logging.DEBUG)
        logging.getLogger("some.library").info("chatter")
        logging.getLogger("some.library").warning("important")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("of Python", UserWarning, stacklevel=1)
    found = _entries(tmp_path / "a" / "log")
    assert [entry["message"] for entry in found[:2]] == ["ours", "important"]
    assert "of Python" in found[2]["message"]
    assert len(found) == 3
    logging.getLogger("some.library").setLevel(logging.NOTSET)
    assert (root.level, list(root.handlers), sys.excepthook, threading.excepthook) == before


def test_ends_that_nobody_caught(tmp_path: Path) -> None:
    """An exception that ends a thread or the process is a line of the log, without its message."""

    def fails() -> None:
        raise ValueError(SECRET)

    with writing_log(LogConfig(file=tmp_path / "log")):
        thread = threading.Thread(target=fails, name="worker")
        thread.start()
        thread.join()
        error = ValueError(SECRET)
        sys.excepthook(ValueError, error, None)
    first, second = _entries(tmp_path / "log")
    assert (first["message"], first["error"]) == ("the thread worker ended", "ValueError")
    assert second["message"] == "the process ends"
    assert SECRET not in (tmp_path / "log").read_text(encoding="utf-8")


def test_file_that_was_moved_away(tmp_path: Path) -> None:
    """After a rotation by renaming, lines go to a new file of the old name."""
    file = tmp_path / "log"
    with writing_log(LogConfig(file=file)):
        LOG.info("first")
        file.rename(tmp_path / "log.1")
        LOG.info("second")
    assert [entry["message"] for entry in _entries(file)] == ["second"]


def test_file_that_can_not_be_written(tmp_path: Path) -> None:
    """A log that could not be kept stops the start."""
    with pytest.raises(StorageError, match="can't be written"), writing_log(LogConfig(file=tmp_path)):
        pass


def test_level_is_ours(tmp_path: Path) -> None:
    """The level counts for this program's own lines."""
    with writing_log(LogConfig(file=tmp_path / "log", level="error")):
        LOG.warning("less")
        LOG.error("more")
    assert [entry["message"] for entry in _entries(tmp_path / "log")] == ["more"]
