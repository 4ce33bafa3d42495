from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vectune.data.assignment import assign, place

BOUNDS = {"test": (0.0, 0.2), "dev": (0.2, 0.3), "train": (0.3, 2.0)}
REQUIRED = ("test", "dev", "train")


def test_places_are_even_and_depend_on_text_seed_and_draw() -> None:
    """A thousand texts spread evenly; another seed or draw is another spread."""
    places = np.array([place(f"text {i}", 0, "split") for i in range(1_000)])
    assert 0 <= places.min() < places.max() < 1
    assert np.all(np.abs(np.histogram(places, 4, (0, 1))[0] - 250) < 60)
    others = {place("text", 0, "split"), place("text", 1, "split"), place("text", 0, "dev"), place("other", 0, "split")}
    assert len(others) == 4


def test_a_place_is_the_same_on_every_machine() -> None:
    """A fixed number guards against a change that would move everybody's rows."""
    assert round(place("text", 0, "split"), 6) == 0.782796


def test_sides_follow_the_bounds() -> None:
    """The lower end belongs to a stretch, the upper does not."""
    sides, notes = assign(np.array([0.0, 0.19, 0.2, 0.3, 0.999]), BOUNDS, REQUIRED)
    assert (sides, notes) == (["test", "test", "dev", "train", "train"], [])


def test_an_empty_side_gets_the_nearest_component_that_can_be_spared() -> None:
    """The nearest place moves, and is said; a side is never emptied for another."""
    sides, notes = assign(np.array([0.25, 0.5, 0.9]), BOUNDS, REQUIRED)
    assert sides == ["dev", "test", "train"]
    assert len(notes) == 1
    assert "test" in notes[0]


@given(st.lists(st.floats(0, 0.999), min_size=2, max_size=8))
def test_no_required_side_stays_empty(places: list[float]) -> None:
    """With three components all three sides get one; with two, train and test do."""
    required = REQUIRED if len(places) >= 3 else ("test", "train")
    sides, _ = assign(np.array(places), BOUNDS, required)
    assert set(required) <= set(sides)
