from __future__ import annotations

from typing import Any

import pytest

from vectune.errors import Interrupted
from vectune.monitor.progress import Named, Silent, Stoppable


class Calls:
    """Remembers every call."""

    def __init__(self) -> None:
        self.made: list[tuple[Any, ...]] = []

    def stage(self, name: str, total: int | None = None) -> None:
        self.made.append(("stage", name, total))

    def advance(self, amount: int = 1, **values: float) -> None:
        self.made.append(("advance", amount, values))

    def note(self, message: str) -> None:
        self.made.append(("note", message))


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The silent progress takes every call and writes nothing."""
    silent = Silent()
    silent.stage("train", 3)
    silent.advance(2, loss=0.5)
    silent.note("hello")
    assert capsys.readouterr() == ("", "")


def test_named_passes_on_under_other_names() -> None:
    """Stages bear the given name, values their longer one; what has no other name keeps its own."""
    calls = Calls()
    named = Named(calls, "judge base", {"dev": "dev ndcg@10"})
    named.stage("judge /some/path", 30)
    named.advance(2, dev=0.5, loss=1.0)
    named.note("hello")
    Named(calls).stage("train")
    assert calls.made == [
        ("stage", "judge base", 30),
        ("advance", 2, {"dev ndcg@10": 0.5, "loss": 1.0}),
        ("note", "hello"),
        ("stage", "train", None),
    ]


def test_stoppable_passes_on_until_asked() -> None:
    """Each call goes through until stop says so; then the next stage or step is Interrupted, naming the stage."""
    calls, asked = Calls(), []
    stoppable = Stoppable(calls, lambda: bool(asked))
    stoppable.stage("judge base", 3)
    stoppable.advance(1, dev=0.5)
    asked.append(True)
    with pytest.raises(Interrupted, match="judge base"):
        stoppable.advance()
    with pytest.raises(Interrupted, match="judge base"):
        stoppable.stage("judge tuned")
    stoppable.note("still heard")
    assert calls.made == [("stage", "judge base", 3), ("advance", 1, {"dev": 0.5}), ("note", "still heard")]


def test_stop_before_the_first_stage() -> None:
    """Asked before anything began, there is no stage to name."""
    with pytest.raises(Interrupted) as caught:
        Stoppable(Calls(), lambda: True).stage("read")
    assert "read" not in caught.value.message
