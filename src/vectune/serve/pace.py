"""How fast the models are at present, told from the batches that they did."""

from __future__ import annotations

_MEMORY_SECONDS = 5.0


class Pace:
    """Tokens a second over about the last seconds of work: batches count by the time they took, so that large ones,
    which say what a full queue costs, outweigh single texts."""

    def __init__(self) -> None:
        self._tokens = 0.0
        self._seconds = 0.0

    def add(self, tokens: int, seconds: float) -> None:
        """A batch of `tokens` took `seconds`, more than 0."""
        kept = max(0.0, 1.0 - seconds / _MEMORY_SECONDS)
        self._tokens = kept * self._tokens + tokens
        self._seconds = kept * self._seconds + seconds

    def seconds(self, tokens: int) -> float:
        """How long `tokens` will take at this pace; 0 while nothing was done yet."""
        return tokens * self._seconds / self._tokens if self._tokens else 0.0
