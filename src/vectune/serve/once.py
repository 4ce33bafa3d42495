"""What is done the first time that it is asked for, and not again."""

from __future__ import annotations

from collections.abc import Callable


class Once:
    """Calls `action` with the first call. Made and called by one thread."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action: Callable[[], object] | None = action

    def __call__(self) -> None:
        """Do it, unless it was done."""
        action, self._action = self._action, None
        if action is not None:
            action()
