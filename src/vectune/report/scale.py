"""Where values land on an axis, and which round values mark it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_FLAT = 1e-9  # shorter axes have no room for digits that differ


@dataclass(frozen=True)
class Scale:
    """A straight axis from `low` to `high`, which must differ."""

    low: float
    high: float

    def share(self, value: float) -> float:
        """Where `value` lies: 0 at the low end, 1 at the high end; values outside land on the nearer end."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def percent(self, value: float) -> str:
        """The same as an SVG length."""
        return f"{100 * self.share(value):.2f}%"

    def ticks(self, wanted: int = 4) -> list[float]:
        """Round values (1, 2 or 5 times a power of ten apart) on the axis, about `wanted` of them."""
        step = tick_step(self.high - self.low, wanted)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


def tick_step(length: float, wanted: int) -> float:
    """The round distance between marks that puts about `wanted` of them on an axis of `length`."""
    rough = length / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    return power * next(
        factor for factor, limit in ((1, 1.5), (2, 3.5), (5, 7.5), (10, math.inf)) if rough / power < limit
    )


def tick_label(value: float, step: float) -> str:
    """`value` with the decimals that marks `step` apart need."""
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    text = f"{value:,.{decimals}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.lstrip("-")


def around(values: Iterable[float], *, zero: bool = False, pad: float = 0.06) -> Scale:
    """An axis that holds `values` with a share of room at both ends, and zero if asked; never of length 0."""
    found = [*values, 0.0] if zero else list(values)
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    flat = high - low <= _FLAT * max(1.0, abs(low), abs(high))
    room = max(abs(high) * 0.1, 0.01) if flat else (high - low) * pad
    below, above = (low - room, high + room)
    return Scale(0.0 if zero and low == 0 else below, 0.0 if zero and high == 0 and not flat else above)
