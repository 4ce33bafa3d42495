"""The thread beside a job: gives signs of life, writes its events, and says when the work must stop."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Protocol

from vectune.config.jobs import JobsConfig
from vectune.errors import VectuneError
from vectune.jobs.estimate import Work, seconds_left
from vectune.jobs.event_log import NewEvent
from vectune.jobs.failures import failure, renamed
from vectune.jobs.first_load import is_exported
from vectune.jobs.job import CANCELLED, PAUSING, RUNNING
from vectune.jobs.leases import PROGRESS, Leases
from vectune.jobs.refusals import LeaseLost
from vectune.jobs.run_events import RunEvents
from vectune.jobs.standing import Standing

LOST, ENDING, EXCEEDED = "lost", "ending", "exceeded"
"""What a job is wanted to be, beside the statuses: another worker's, left because this worker ends, or failed because
it took more than one may."""
_SILENCE = 8.0
_SHIFT = 2
"""Seconds by which an estimate must have moved to be told."""
_BEFORE_DATA = ("", "load model", "read and check", "read dev")
"""Stages in which what lies in the work folder may be of another try."""
_log = logging.getLogger(__name__)


class Deadline(Protocol):
    """What happens when the work has not stopped in time."""

    def __call__(self, wanted: str) -> None:
        """End the process; the job is wanted to be `wanted`."""


class Watch:
    """Looks after one job from `start` to `finish`, every `config.poll_seconds`.

    `wanted` is `running` as long as the work may go on. Once it is something else and the work has not stopped within
    `config.stop_seconds` (a job that is to pause: `config.pause_seconds`), `deadline` is called. A worker that could
    give no sign of life for the length of its lease counts the job as lost: another may have it by now.
    """

    def __init__(
        self, job: str, leases: Leases, told: RunEvents, names: dict[str, str], config: JobsConfig, deadline: Deadline
    ) -> None:
        self.wanted = RUNNING
        self.standing = Standing()
        self.method = "full"
        self.ending: Callable[[], bool] = lambda: False
        self.limits: Callable[[], VectuneError | None] = lambda: None
        self.exceeded: VectuneError | None = None
        self._job = job
        self._leases = leases
        self._told = told
        self._names = names
        self._config = config
        self._deadline = deadline
        self._done = threading.Event()
        around = copy_context()  # its lines in the log name the job too
        self._thread = threading.Thread(target=around.run, args=(self._run,), name=f"watch {job}", daemon=True)
        self._spoken = self._alive = time.monotonic()
        self._num_notes = 0
        self._waiting: dict[str, NewEvent] = {}
        self._estimated: int | None = 0  # what a worker before this one told has passed

    def start(self) -> None:
        """Begin; the first sign of life is given at once, here, so that a lease that is lost is known before work."""
        self._look()
        self._thread.start()

    def finish(self) -> None:
        """End the thread and write the events that are left. LeaseLost when the job is another's by now."""
        self.close()
        if self.wanted not in (LOST, CANCELLED):
            self._tell()

    def close(self) -> None:
        """End the thread."""
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def stop(self) -> bool:
        """Whether the work must stop."""
        if self.wanted == RUNNING and self.ending():
            self.wanted = ENDING
        return self.wanted != RUNNING

    def run_is_there(self, steps: int) -> None:
        """The run was done before, in so many steps: what its files say and no event told is told at the next look."""
        self.standing.total_steps = self._told.total_steps(steps)
        self.standing.stage("read the run")

    def _run(self) -> None:
        asked: float | None = None
        wait = self._config.poll_seconds
        while not self._done.wait(wait):
            self._look()
            if not self.stop():
                continue
            asked = time.monotonic() if asked is None else asked
            left = asked + self._patience - time.monotonic()
            if left <= 0 and not self._done.is_set():
                if self.wanted == EXCEEDED:
                    self._fail()
                self._deadline(self.wanted)
                return
            wait = max(min(self._config.poll_seconds, left), 0.01)

    @property
    def _patience(self) -> float:
        return self._config.pause_seconds if self.wanted == PAUSING else self._config.stop_seconds

    def _look(self) -> None:
        """One sign of life, and the events since the last. Whatever goes wrong, the next look comes."""
        if self.wanted in (LOST, CANCELLED):
            return
        try:
            wanted = self._leases.heartbeat(self._job)
            self._alive = time.monotonic()
            if wanted != RUNNING:
                self.wanted = wanted
            if self.wanted in (RUNNING, PAUSING):  # coming to the end of a step may take a minute
                self._tell()
            if self.wanted == RUNNING:
                self._estimate()
                self._measure()
        except LeaseLost:
            self.wanted = self._whose()
        except Exception:
            _log.exception("a sign of life of the job %s failed; it is tried again", self._job)
            if time.monotonic() - self._alive > self._leases.seconds:
                self.wanted = LOST

    def _whose(self) -> str:
        """What the job is wanted to be once something of it could not be written: a cancel may have come between a sign
        of life and its events, and what a cancelled job leaves is this worker's to remove."""
        try:
            return CANCELLED if self._leases.heartbeat(self._job) == CANCELLED else LOST
        except LeaseLost:
            return LOST
        except Exception:
            _log.exception("whose the job %s is could not be asked; it is left", self._job)
            return LOST

    def _measure(self) -> None:
        self.exceeded = self.limits()
        if self.exceeded is not None:
            self.wanted = EXCEEDED

    def _fail(self) -> None:
        """The job took too much and does not stop: it has failed, before its process is ended."""
        assert self.exceeded is not None
        try:
            self._leases.fail(self._job, failure(self.exceeded, self._names))
            self.wanted = LOST
        except LeaseLost:
            self.wanted = self._whose()
        except Exception:
            _log.exception("the job %s took too much, which could not be written down", self._job)
            self.wanted = LOST

    def _tell(self) -> None:
        """Write what is new. What could not be written is kept for the next time: the log is read only once."""
        for event in self._new_events():
            self._waiting.setdefault(event.key, event)
        if self._waiting:
            events = list(self._waiting.values())
            self._leases.add_events(self._job, events)
            self._told.remember(events)
            self._waiting.clear()
            self._spoken = time.monotonic()

    def _new_events(self) -> list[NewEvent]:
        events = self._told.of_data() if self.standing.name not in _BEFORE_DATA else []
        events += self._notes()
        total = self.standing.total_steps
        if total is not None:
            events += self._told.of_training(total)
        if not (events or self._waiting) and time.monotonic() - self._spoken > _SILENCE:
            events = self._sign_of_progress(total)
        return events

    def _notes(self) -> list[NewEvent]:
        notes = [renamed(note, self._names) for note in self.standing.notes[self._num_notes :]]
        self._num_notes += len(notes)
        return [NewEvent(f"note {hashlib.sha256(note.encode()).hexdigest()[:16]}", _sentence(note)) for note in notes]

    def _sign_of_progress(self, total_steps: int | None) -> list[NewEvent]:
        """Something to say when nothing was said for a while."""
        if self.standing.name == "train" and total_steps and (steps := self._told.newest_step(total_steps)):
            return steps
        done, total = self.standing.done, self.standing.total
        far = f": {done:,} of {total:,}" if total else ""
        return [NewEvent(f"{PROGRESS}{time.time():.0f}", f"At work: {self.standing.name or 'validating'}{far}")]

    def _estimate(self) -> None:
        """Tell when the job will be done, where that is known; what was told and has passed is taken back."""
        export = is_exported(self._config.backend)
        left = seconds_left(self.standing, Work(self.method, self._told.sizes(), self._config.general, export))
        now = time.time()
        if left is None and (self._estimated is None or self._estimated > now):
            return
        found = None if left is None else int(now + left)
        if found is None or self._estimated is None or abs(found - self._estimated) >= _SHIFT:
            self._leases.estimate(self._job, found)
            self._estimated = found


def _sentence(note: str) -> str:
    return note[:1].upper() + note[1:] + ("" if note.endswith((".", "!", "?")) else ".")
