from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectune.report.scale import Scale, around, tick_label, tick_step

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


def test_share_is_a_place_on_the_axis() -> None:
    """The ends are 0 and 1, the middle is half way, and values outside stay on the axis."""
    scale = Scale(-1, 3)
    assert [scale.share(value) for value in (-1, 1, 3, 9, -9)] == [0, 0.5, 1, 1, 0]
    assert scale.percent(0) == "25.00%"


def test_ticks_are_round() -> None:
    """An axis of scores is marked at tenths."""
    assert Scale(0, 0.54).ticks(5) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert tick_step(2.1, 4) == 0.5


def test_labels_have_the_decimals_of_the_step() -> None:
    """Marks a tenth apart have one decimal, whole ones none; zero has no sign."""
    assert tick_label(0.30000000000000004, 0.1) == "0.3"
    assert tick_label(1500, 500) == "1,500"
    assert tick_label(-0.0, 0.05) == "0.00"
    assert tick_label(-0.05, 0.05) == "−0.05"


@given(st.lists(NUMBERS, max_size=5), st.booleans(), st.floats(0, 0.5))
def test_every_value_fits(values: list[float], zero: bool, pad: float) -> None:
    """The axis is never empty and holds all values, and zero if asked; its marks lie on it and are few."""
    scale = around(values, zero=zero, pad=pad)
    assert scale.low < scale.high
    assert all(scale.low <= value <= scale.high for value in [*values, *([0.0] if zero else [])])
    marks = scale.ticks(4)
    room = (scale.high - scale.low) * 1e-6
    assert all(scale.low - room <= mark <= scale.high + room for mark in marks)
    assert 1 <= len(marks) <= 9


def test_bars_start_at_zero() -> None:
    """An axis from zero has no gap below it."""
    assert around([0.5], zero=True).low == 0
