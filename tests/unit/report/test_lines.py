from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from tests.unit.report.outline import Outline
from vectune.report.lines import Axis, Line, Mark, line_chart, smooth, thin

UP = Line("Up", "tuned", ((0.0, 0.0), (1.0, 1.0), (2.0, 2.0)), dots=True)


def drawing(markup: str) -> ET.Element:
    """The chart in the markup."""
    return ET.fromstring(markup[markup.index("<svg") : markup.rindex("</svg>") + 6])


def test_curve_goes_through_its_points() -> None:
    """A straight line is drawn straight, from the left end to the right, upwards."""
    (curve,) = drawing(line_chart([UP], Axis("epoch"), title="t")).iter("polyline")
    places = [tuple(map(float, place.split(","))) for place in curve.get("points", "").split()]
    assert [x for x, _ in places] == [0, 50, 100]
    assert places[0][1] > places[1][1] > places[2][1]
    assert places[0][1] - places[1][1] == pytest.approx(places[1][1] - places[2][1], abs=0.11)


def test_dots_sit_on_the_curve() -> None:
    """The dots, which are not stretched, have the same places as the curve's corners."""
    chart = drawing(line_chart([UP], Axis("epoch"), title="t"))
    (curve,) = chart.iter("polyline")
    corners = [tuple(map(float, place.split(","))) for place in curve.get("points", "").split()]
    dots = [(float(dot.get("cx", "").rstrip("%")), float(dot.get("cy", ""))) for dot in chart.iter("circle")]
    for corner, dot in zip(corners, dots, strict=True):
        assert dot == pytest.approx(corner, abs=0.06)


def test_legend_appears_with_two_things_to_tell_apart() -> None:
    """One curve needs no legend; two, or a mark, do."""
    assert not Outline(line_chart([UP], Axis("x"), title="t")).all("ul")
    both = line_chart([UP, Line("Down", "base", ((0.0, 2.0), (2.0, 0.0)))], Axis("x"), title="t")
    assert "Down" in Outline(both).text
    marked = Outline(line_chart([UP], Axis("x"), title="t", marks=[Mark("Best: 2", 2.0, 2.0), Mark("Stop", 1.0)]))
    assert "Best: 2" in marked.text
    assert len(marked.all("circle", class_="ring")) == 1
    assert len(marked.all("line", class_="target")) == 1


def test_named_places_label_the_axis() -> None:
    """Where x has names, they stand there instead of numbers."""
    axis = Axis("dimensions", ((0.0, "32"), (1.0, "64"), (2.0, "384")))
    texts = Outline(line_chart([UP], axis, title="t")).texts
    assert {"32", "64", "384", "dimensions"} <= set(texts)


@pytest.mark.parametrize("points", [((1.0, 0.5),), ((0.0, 0.5), (1.0, 0.5))])
def test_flat_and_single_points_can_be_drawn(points: tuple[tuple[float, float], ...]) -> None:
    """One point, or a line without any rise, is no reason to fail."""
    assert drawing(line_chart([Line("Flat", "tuned", points, dots=True)], Axis("x"), title="t")) is not None


def test_smoothing_matches_the_weighted_mean() -> None:
    """Against numpy: each value is the mean of those before it, with weights that fall by a tenth a step."""
    values = np.random.default_rng(0).random(50)
    found = smooth([(float(x), float(y)) for x, y in enumerate(values)])
    for place in (0, 1, 49):
        weights = 0.9 ** np.arange(place, -1, -1)
        assert found[place][1] == pytest.approx(float(np.average(values[: place + 1], weights=weights)))


def test_thinning_keeps_the_shape() -> None:
    """A long log becomes few points with the same mean; a short one stays as it is."""
    points = [(float(x), float(x % 7)) for x in range(1280)]
    few = thin(points)
    assert len(few) == 320
    assert np.mean([y for _, y in few]) == pytest.approx(np.mean([y for _, y in points]))
    assert thin(points[:300]) == tuple(points[:300])
    assert thin([]) == ()
