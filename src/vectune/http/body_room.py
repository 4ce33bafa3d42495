"""Memory for bodies on their way: so many bytes of all together, since each is held until it is whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vectune.jobs.quotas import LimitReached

FREE_BYTES = 1 << 16
"""What is not counted of each body: a connection may hold as much anyway, and small requests get through whatever large
ones hold."""
_COME_BACK_SECONDS = 2.0


class BodyRoom:
    """Counts the bytes of bodies that arrive, of which there may be `most_bytes` together; of one project fewer by the
    `largest` body, so that its slow ones leave room for that to others. Used by one event loop."""

    def __init__(self, most_bytes: int, largest: int) -> None:
        self._most = most_bytes
        self._most_of_one = max(most_bytes - largest, largest)
        self._held: Counter[str] = Counter()

    @contextmanager
    def one_of(self, project: str) -> Iterator[Callable[[int], None]]:
        """Gives what is told how large a body of `project` has become, and raises LimitReached when there is no room
        for that; the room is given back when the block ends."""
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            more = max(size - FREE_BYTES, 0) - held
            if more > self._left_to(project):
                again = f"Try again in {_COME_BACK_SECONDS:.0f} s."
                raise LimitReached("The server receives as many bytes as it may.", again, _COME_BACK_SECONDS)
            held += more
            self._held[project] += more

        try:
            yield hold
        finally:
            self._give_back(project, held)

    def _left_to(self, project: str) -> int:
        return min(self._most - self._held.total(), self._most_of_one - self._held[project])

    def _give_back(self, project: str, held: int) -> None:
        self._held[project] -= held
        if not self._held[project]:
            del self._held[project]
