"""How long work tells people where it stands; the command line draws it, tests and libraries stay silent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from vectune.errors import Interrupted


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


class Named:
    """A Progress that passes everything on under names for people.

    `name`, when given, stands for the name of every stage; `values` maps names of values to others, as `dev` to
    `dev ndcg@10`.
    """

    def __init__(self, progress: Progress, name: str = "", values: Mapping[str, str] | None = None) -> None:
        self._progress = progress
        self._name = name
        self._values = values or {}

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage under the other name."""
        self._progress.stage(self._name or name, total)

    def advance(self, amount: int = 1, **values: float) -> None:
        """Count, with the values renamed."""
        self._progress.advance(amount, **{self._values.get(key, key): value for key, value in values.items()})

    def note(self, message: str) -> None:
        """Pass the note on."""
        self._progress.note(message)


class Stoppable:
    """A Progress that ends the work where it stands as soon as `stop` says so: each call may raise Interrupted."""

    def __init__(self, progress: Progress, stop: Callable[[], bool]) -> None:
        self._progress = progress
        self._stop = stop
        self._stage = ""

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage, unless asked to stop."""
        self._refuse()
        self._stage = name
        self._progress.stage(name, total)

    def advance(self, amount: int = 1, **values: float) -> None:
        """Count, unless asked to stop."""
        self._refuse()
        self._progress.advance(amount, **values)

    def note(self, message: str) -> None:
        """Pass the note on."""
        self._progress.note(message)

    def _refuse(self) -> None:
        if self._stop():
            raise Interrupted(
                f"Stopped during `{self._stage}`." if self._stage else "Stopped before anything was done."
            )
