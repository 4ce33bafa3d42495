"""Which side a component goes to: a hash of its first text, so that rows added later move nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Bounds = Mapping[str, tuple[float, float]]
"""Side to the stretch of 0 to 1 (its end not included) whose components it gets."""


def place(text: str, seed: int, draw: str) -> float:
    """Where a normalised text stands between 0 and 1 (1 not included), evenly spread by hash and equal everywhere.

    Another `draw` gives places that have nothing to do with those of the first.
    """
    key = f"{draw}:{seed}".encode()
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()
    return (int.from_bytes(digest, "little") >> 11) / 2**53


def assign(places: NDArray[np.float64], bounds: Bounds, required: Sequence[str]) -> tuple[list[str], list[str]]:
    """The side of each component, by its place, and what had to be done by hand, as sentences.

    A required side that would be empty gets the component nearest to its stretch from a side that can spare one (one
    that is not required, or has two); with as many components as required sides or more, that always works.
    """
    sides = [next(side for side, (low, high) in bounds.items() if low <= u < high) for u in places.tolist()]
    notes = []
    for side in required:
        if side in sides:
            continue
        spare = [i for i, other in enumerate(sides) if other not in required or sides.count(other) > 1]
        if not spare:
            continue
        nearest = min(spare, key=lambda i: (_distance(float(places[i]), bounds[side]), i))
        notes.append(f"{side} would have been empty, so the nearest component was moved there from {sides[nearest]}")
        sides[nearest] = side
    return sides, notes


def _distance(u: float, stretch: tuple[float, float]) -> float:
    return max(stretch[0] - u, u - stretch[1], 0.0)
