"""What each API key may still do on this server: requests and tokens a minute in memory, tokens in all by its usage."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from vectune.jobs.keys import Caller
from vectune.jobs.quotas import LimitReached, Usage

_MINUTE = 60.0


@dataclass
class Bucket:
    """A token bucket: holds `limit` at most, is full at first, and fills by `limit` a minute."""

    limit: int
    left: float
    at: float

    def take(self, amount: int, now: float) -> float:
        """Take `amount` and give 0.0, or take nothing and give the seconds until there will be as much."""
        self.left = self.filled(now)
        self.at = now
        if amount <= self.left:
            self.left -= amount
            return 0.0
        return (amount - self.left) * _MINUTE / self.limit

    def filled(self, now: float) -> float:
        """What is in it at `now`."""
        return min(self.left + (now - self.at) * self.limit / _MINUTE, float(self.limit))

    def give(self, amount: int, now: float) -> None:
        """Put `amount` back; below 0 it is taken, though it be more than is left."""
        self.left = min(self.filled(now) + amount, float(self.limit))
        self.at = now

    def seconds_to_full(self, now: float) -> float:
        """When nothing taken so far will be missing."""
        return (self.limit - self.filled(now)) * _MINUTE / self.limit


class Charge:
    """The tokens of one request, taken from what its caller may use for as long as the block lasts.

    When the block ends well `tokens` are spent, which may be set to what was really used; when it raises, or is
    cancelled, all are given back but those of `spend`.
    """

    def __init__(self, limits: CallerLimits, caller: Caller, tokens: int) -> None:
        self.tokens = tokens
        self._spent = 0
        self._limits = limits
        self._caller = caller
        self._held = tokens

    def __enter__(self) -> Charge:
        self._limits.hold(self._caller, self._held)
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        self._limits.settle(self._caller, self._held, self.tokens if kind is None else self._spent)

    def spend(self, tokens: int) -> None:
        """So many cost money by now, whatever becomes of the request."""
        self._spent = tokens


class CallerLimits:
    """The buckets of every key, used by one thread, and the tokens that its callers have in all.

    Buckets are this server's own: of several servers each gives a key as much a minute. Keys without limits, and
    callers without a key, cost nothing.
    """

    def __init__(self, usage: Usage, clock: Callable[[], float] = time.monotonic) -> None:
        self._usage = usage
        self._clock = clock
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def admit(self, caller: Caller) -> None:
        """Count a request; LimitReached when there were too many lately."""
        self._take(caller, "requests", 1)

    def charging(self, caller: Caller, tokens: int) -> Charge:
        """Count the tokens of a request while it is answered; entering raises what `hold` does."""
        return Charge(self, caller, tokens)

    def hold(self, caller: Caller, tokens: int) -> None:
        """Take `tokens` until `settle`; LimitReached or QuotaSpent when they are too many, and none are taken."""
        bucket = self._take(caller, "tokens", tokens)
        try:
            self._usage.hold(caller, tokens)
        except Exception:
            if bucket is not None:
                bucket.give(tokens, self._clock())
            raise

    def settle(self, caller: Caller, held: int, tokens: int) -> None:
        """Spend `tokens` in place of those that were `held`: more where an endpoint counts more than was guessed, none
        for a request that failed."""
        self._usage.settle(caller, held, tokens)
        bucket = self._bucket(caller, "tokens")
        if bucket is not None:
            bucket.give(held - tokens, self._clock())

    def headers(self, caller: Caller) -> dict[str, str]:
        """`x-ratelimit-...`: what the key may do a minute, what is left of it, and when it will be whole again."""
        told: dict[str, str] = {}
        now = self._clock()
        for what in ("requests", "tokens"):
            bucket = self._bucket(caller, what)
            if bucket is not None:
                told[f"x-ratelimit-limit-{what}"] = str(bucket.limit)
                told[f"x-ratelimit-remaining-{what}"] = str(max(int(bucket.filled(now)), 0))
                told[f"x-ratelimit-reset-{what}"] = span(bucket.seconds_to_full(now))
        return told

    def close(self) -> None:
        """Write down what was spent."""
        self._usage.close()

    def _take(self, caller: Caller, what: str, amount: int) -> Bucket | None:
        bucket = self._bucket(caller, what)
        if bucket is None:
            return None
        if amount > bucket.limit:
            raise LimitReached(
                f"The API key may use {bucket.limit:,} {what} a minute, and this request alone has {amount:,}.",
                "Send it in parts.",
            )
        wait = bucket.take(amount, self._clock())
        if wait:
            raise LimitReached(
                f"The API key may use {bucket.limit:,} {what} a minute, and has.", f"Try again in {wait:.1f} s.", wait
            )
        return bucket

    def _bucket(self, caller: Caller, what: str) -> Bucket | None:
        limit = caller.limits.requests_a_minute if what == "requests" else caller.limits.tokens_a_minute
        if caller.key is None or limit is None:
            return None
        found = self._buckets.get((caller.key, what))
        if found is None:
            found = self._buckets[caller.key, what] = Bucket(limit, float(limit), self._clock())
        return found


def span(seconds: float) -> str:
    """A time as OpenAI's headers have it: 12ms, 1.5s, 6m0s."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    minutes, rest = divmod(seconds, _MINUTE)
    return f"{minutes:.0f}m{rest:.0f}s" if minutes else f"{rest:.3g}s"
