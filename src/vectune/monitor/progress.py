"""How long work tells people where it stands; the command line draws it, tests and libraries stay silent."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Where long work stands. Stages follow one another; each has its own bar."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage of `total` units; None when nobody knows how many."""

    def advance(self, amount: int = 1, **values: float) -> None:
        """Count `amount` more units done; `values` (loss, dev score...) stand beside the bar until replaced."""

    def note(self, message: str) -> None:
        """Say something worth a line that stays."""


class Silent:
    """A Progress that says nothing."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Say nothing."""

    def advance(self, amount: int = 1, **values: float) -> None:
        """Say nothing."""

    def note(self, message: str) -> None:
        """Say nothing."""
