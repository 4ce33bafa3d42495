"""What was spent with each key: tokens counted in memory and written down every few seconds, jobs written at once."""

from __future__ import annotations

import logging
import threading
from typing import Any

from sqlalchemy import Connection, func, select, update

from vectune.errors import StorageError, VectuneError
from vectune.jobs.database import Database
from vectune.jobs.job import OVER
from vectune.jobs.keys import Caller
from vectune.jobs.schema import jobs, keys, usage

_log = logging.getLogger(__name__)
_DAY = 86_400
_AGAIN = 30.0
"""Seconds after which a caller whose jobs are all at work may ask again; nobody knows when one will be done."""


class LimitReached(VectuneError):  # noqa: N818 - what happened
    """More was asked for than a key may have at a time; `retry_after` is in seconds, None when waiting won't help."""

    code = "rate_limit_exceeded"

    def __init__(self, message: str, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class QuotaSpent(VectuneError):  # noqa: N818 - what happened
    """A key has no tokens left."""

    code = "insufficient_quota"


class Usage:
    """Counts the tokens of every key and writes them to the database every `seconds`, and when it is closed.

    What a process that is killed did not write yet is forgiven. Several servers learn of one another's tokens when a
    key is looked up again.
    """

    def __init__(self, database: Database, seconds: float = 2.0) -> None:
        self._database = database
        self._seconds = seconds
        self._lock = threading.Lock()
        self._spent: dict[str, int] = {}
        self._held: dict[str, int] = {}
        self._unwritten: dict[str, int] = {}
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def spend(self, caller: Caller, tokens: int) -> None:
        """Count `tokens`; QuotaSpent when the key does not have so many left, and none are counted."""
        self.hold(caller, tokens)
        self.settle(caller, tokens, tokens)

    def hold(self, caller: Caller, tokens: int) -> None:
        """Keep `tokens` for a request under way, until `settle`; QuotaSpent when the key does not have so many left."""
        quota = caller.limits.tokens_in_all
        if caller.key is None or quota is None:
            return
        with self._lock:
            held = self._held.get(caller.key, 0)
            spent = max(self._spent.get(caller.key, 0), caller.tokens_used) + held
            if spent + tokens > quota:
                left = max(quota - spent, 0)
                raise QuotaSpent(
                    f"The API key has {left:,} of its {quota:,} tokens left, and this request has {tokens:,}.",
                    "Ask whoever runs this service for a new key.",
                )
            self._held[caller.key] = held + tokens

    def settle(self, caller: Caller, held: int, tokens: int) -> None:
        """Count `tokens`, 0 for a request that failed, in place of those that were `held` for it."""
        if caller.key is None:
            return
        with self._lock:
            if caller.limits.tokens_in_all is not None:
                self._held[caller.key] = self._held.get(caller.key, 0) - held
            if not tokens:
                return
            spent = max(self._spent.get(caller.key, 0), caller.tokens_used)
            self._spent[caller.key] = spent + tokens
            self._unwritten[caller.key] = self._unwritten.get(caller.key, 0) + tokens
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="vectune-usage", daemon=True)
                self._thread.start()

    def write(self) -> None:
        """Write down what was counted since the last time; what can't be written now is kept for the next."""
        with self._lock:
            counted, self._unwritten = self._unwritten, {}
        if not counted:
            return
        try:
            with self._database.session() as connection:
                now = self._database.now(connection)
                for key in sorted(counted):  # in one order, so that servers never wait for one another in a circle
                    connection.execute(select(keys.c.id).where(keys.c.id == key).with_for_update())
                    connection.execute(update(keys).where(keys.c.id == key).values(last_used_at=int(now)))
                    _add(connection, key, now, tokens=counted[key])
        except StorageError:
            _log.exception("tokens could not be written down; it is tried again")
            with self._lock:
                for key, tokens in counted.items():
                    self._unwritten[key] = self._unwritten.get(key, 0) + tokens

    def close(self) -> None:
        """Write down what is left and end."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        self.write()

    def _run(self) -> None:
        while not self._closed.wait(self._seconds):
            self.write()


def charge_job(connection: Connection, key: str, now: float) -> None:
    """Count one more job of `key`, in the transaction that makes it; LimitReached when it may have none now."""
    row = connection.execute(select(keys).where(keys.c.id == key).with_for_update()).first()
    if row is None:
        return
    if row.jobs_at_once is not None:
        wanted = select(func.count()).select_from(jobs).where(jobs.c.key == key, jobs.c.status.not_in(OVER))
        if connection.execute(wanted).scalar_one() >= row.jobs_at_once:
            raise LimitReached(
                f"The API key may have {row.jobs_at_once} jobs at once, and has them.",
                "Wait until one is over, or cancel one.",
                _AGAIN,
            )
    today = select(usage.c.jobs).where(usage.c.key == key, usage.c.day == int(now // _DAY))
    if row.jobs_a_day is not None and (connection.execute(today).scalar() or 0) >= row.jobs_a_day:
        raise LimitReached(
            f"The API key may start {row.jobs_a_day} jobs a day, and has.",
            "Days end at midnight UTC.",
            _DAY - now % _DAY,
        )
    connection.execute(update(keys).where(keys.c.id == key).values(last_used_at=int(now)))
    _add(connection, key, now, jobs=1)


def _add(connection: Connection, key: str, now: float, **amounts: int) -> None:
    """Add to today's counts of `key`, whose row the caller has locked."""
    place = (usage.c.key == key) & (usage.c.day == int(now // _DAY))
    more: dict[str, Any] = {name: usage.c[name] + amount for name, amount in amounts.items()}
    if not connection.execute(update(usage).where(place).values(more)).rowcount:
        fresh = {"key": key, "day": int(now // _DAY), "tokens": 0, "jobs": 0, **amounts}
        connection.execute(usage.insert().values(fresh))
