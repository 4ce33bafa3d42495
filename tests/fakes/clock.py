"""A clock that tests set."""

from __future__ import annotations


class Clock:
    """Seconds that pass when told."""

    now = 0.0

    def __call__(self) -> float:
        """The present second."""
        return self.now
