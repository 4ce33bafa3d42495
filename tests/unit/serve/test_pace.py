"""How fast the models are."""

from __future__ import annotations

import pytest

from vectune.serve.pace import Pace


def test_unknown_pace_keeps_nobody_away() -> None:
    """Before the first batch nothing is known, and no time is foretold."""
    assert Pace().seconds(10**6) == 0.0


def test_pace_is_that_of_the_batches() -> None:
    """Batches of one speed give that speed, however many there were."""
    pace = Pace()
    for _ in range(200):
        pace.add(1000, 0.1)
    assert pace.seconds(50_000) == pytest.approx(5.0)


def test_large_batches_outweigh_single_texts() -> None:
    """After one long batch the pace is close to its own, though a hundred small ones were slower for their size."""
    pace = Pace()
    for _ in range(100):
        pace.add(10, 0.002)
    pace.add(80_000, 2.0)
    assert pace.seconds(40_000) == pytest.approx(1.1, abs=0.1)


def test_slower_machine_is_noticed() -> None:
    """After some seconds of slow work the fast ones before are forgotten."""
    pace = Pace()
    for _ in range(50):
        pace.add(10_000, 0.1)
    for _ in range(100):
        pace.add(1000, 0.2)
    assert pace.seconds(1000) == pytest.approx(0.2, rel=0.2)
