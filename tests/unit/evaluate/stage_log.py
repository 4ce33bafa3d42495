"""A Progress that remembers its stages and how far each got."""

from __future__ import annotations


class StageLog:
    """`stages` holds [name, total, done] of every stage."""

    def __init__(self) -> None:
        self.stages: list[list[object]] = []

    def stage(self, name: str, total: int | None = None) -> None:
        self.stages.append([name, total, 0])

    def advance(self, amount: int = 1, **values: float) -> None:
        done = self.stages[-1][2]
        assert isinstance(done, int)
        self.stages[-1][2] = done + amount

    def note(self, message: str) -> None:
        raise AssertionError(f"unexpected note: {message}")
