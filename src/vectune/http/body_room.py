"""Memory for bodies on their way: so many bytes of all together, since each is held until it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vectune.jobs.quotas import LimitReached

FREE_BYTES = 1 << 16
"""What is not counted of each body: a connection may hold as much anyway, and small requests get through whatever large
ones hold."""
_COME_BACK_SECONDS = 2.0


class BodyRoom:
    """Counts the bytes of bodies that arrive, of which there may be `most_bytes` together. Used by one event loop."""

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes

    @contextmanager
    def one(self) -> Iterator[Callable[[int], None]]:
        """Gives what is told how large a body has become, and raises LimitReached when there is no room for that; the
        room is given back when the block ends."""
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            more = max(size - FREE_BYTES, 0) - held
            if more > self._left:
                again = f"Try again in {_COME_BACK_SECONDS:.0f} s."
                raise LimitReached("The server receives as many bytes as it may.", again, _COME_BACK_SECONDS)
            held += more
            self._left -= more

        try:
            yield hold
        finally:
            self._left += held
