"""The thread beside a job: gives signs of life, writes its events, and says when the work must stop."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from vectune.errors import StorageError
from vectune.jobs.event_log import NewEvent
from vectune.jobs.failures import renamed
from vectune.jobs.job import RUNNING
from vectune.jobs.leases import Leases
from vectune.jobs.refusals import LeaseLost
from vectune.jobs.run_events import RunEvents
from vectune.jobs.standing import Standing

LOST, ENDING = "lost", "ending"
"""What a job is wanted to be, beside the statuses: another worker's, or left because this worker ends."""
_SILENCE = 10.0
_log = logging.getLogger(__name__)


class Deadline(Protocol):
    """What happens when the work has not stopped in time."""

    def __call__(self, wanted: str) -> None:
        """End the process; the job is wanted to be `wanted`."""


class Watch:
    """Looks after one job from `start` to `finish`, every `seconds`.

    `wanted` is `running` as long as the work may go on. Once it is something else and the work has not stopped within
    `patience` seconds, `deadline` is called.
    """

    def __init__(
        self, job: str, leases: Leases, told: RunEvents, names: dict[str, str], seconds: float, patience: float,
        deadline: Deadline,
    ) -> None:  # fmt: skip
        self.wanted = RUNNING
        self.standing = Standing()
        self._job = job
        self._leases = leases
        self._told = told
        self._names = names
        self._seconds = seconds
        self._patience = patience
        self._deadline = deadline
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch {job}", daemon=True)
        self._spoken = time.monotonic()
        self._num_notes = 0
        self.ending: Callable[[], bool] = lambda: False

    def start(self) -> None:
        """Begin; the first sign of life is given at once, here, so that a lease that is lost is known before work."""
        self._look()
        self._thread.start()

    def finish(self) -> None:
        """End the thread and write the events that are left. LeaseLost when the job is another's by now."""
        self.close()
        if self.wanted == RUNNING:
            self._write(self._new_events())

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

    def _run(self) -> None:
        asked = 0.0
        while not self._done.wait(self._seconds):
            if not self.stop():
                self._look()
            if self.stop():
                asked = asked or time.monotonic()
                if time.monotonic() - asked > self._patience and not self._done.is_set():
                    self._deadline(self.wanted)
                    return

    def _look(self) -> None:
        """One sign of life, and the events since the last."""
        try:
            self.wanted = self._leases.heartbeat(self._job)
            if self.wanted == RUNNING:
                self._write(self._new_events())
                self._estimate()
        except LeaseLost:
            self.wanted = LOST
        except (StorageError, OSError):
            _log.exception("a sign of life of the job %s failed; it is tried again", self._job)

    def _new_events(self) -> list[NewEvent]:
        events = self._told.of_data() if self.standing.name not in ("", "load model", "read and check") else []
        events += self._notes()
        total = self.standing.total_steps
        if total is not None:
            events += self._told.of_training(total)
        if not events and time.monotonic() - self._spoken > _SILENCE:
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
        return [NewEvent(f"progress {time.time():.0f}", f"At work: {self.standing.name or 'validating'}{far}")]

    def _write(self, events: list[NewEvent]) -> None:
        if events:
            self._leases.add_events(self._job, events)
            self._told.remember(events)
            self._spoken = time.monotonic()

    def _estimate(self) -> None:
        sizes = self._told.sizes()
        left = self.standing.seconds_left(sum(sizes.values()), sizes.get("test", 0))
        if left is not None:
            self._leases.estimate(self._job, int(time.time() + left))


def _sentence(note: str) -> str:
    return note[:1].upper() + note[1:] + ("" if note.endswith((".", "!", "?")) else ".")
