"""Actions that are done once."""

from __future__ import annotations

from vectune.serve.once import Once


def test_a_second_call_does_nothing() -> None:
    """However often it is called, the action is done once, and what it raises is raised."""
    done: list[int] = []
    once = Once(lambda: done.append(1))
    assert done == []
    once()
    once()
    assert done == [1]
