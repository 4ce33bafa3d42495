from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from vectune.report.bars import Bar, difference_strip, score_bars, share_bars

BARS = [Bar("Base", "base", 0.25, (0.2, 0.3)), Bar("Tuned <b>", "tuned", 0.5, (0.45, 0.55)), Bar("BM25", "bm25", 0.4)]


def rectangles(markup: str, look: str) -> list[tuple[float, float]]:
    """(x, width) in percent of the rectangles of one look."""
    found = ET.fromstring(markup).iter("rect")
    return [
        (float(rect.get("x", "0%").rstrip("%")), float(rect.get("width", "0%").rstrip("%")))
        for rect in found
        if look in rect.get("class", "").split()
    ]


def test_bars_are_as_long_as_their_scores() -> None:
    """Half the score is half the length, from zero on."""
    markup = score_bars(BARS, title="t")
    (base,), (tuned,) = rectangles(markup, "base"), rectangles(markup, "tuned")
    assert base[0] == tuned[0] == 0
    assert tuned[1] == pytest.approx(2 * base[1], abs=0.02)


def test_negative_scores_grow_to_the_left() -> None:
    """A negative correlation ends where zero is."""
    markup = score_bars([Bar("A", "base", -0.2), Bar("B", "tuned", 0.2)], title="t")
    (left,), (right,) = rectangles(markup, "base"), rectangles(markup, "tuned")
    assert left[0] + left[1] == pytest.approx(right[0], abs=0.02)
    assert left[1] > 0


def test_whiskers_stand_at_the_ends_of_the_interval() -> None:
    """The horizontal stroke of a whisker runs from low to high on the same axis as the bar."""
    markup = score_bars(BARS, title="t")
    (_, length), *_ = rectangles(markup, "base")
    strokes = [line for line in ET.fromstring(markup).iter("line") if line.get("class") == "whisker"]
    low, high = (float(strokes[0].get(end, "").rstrip("%")) for end in ("x1", "x2"))
    assert (low, high) == (pytest.approx(length * 0.8, abs=0.02), pytest.approx(length * 1.2, abs=0.02))
    assert len(strokes) == 6  # two models with intervals, three strokes each


def test_drawing_tells_screen_readers_what_it_shows() -> None:
    """The picture has a role, a title and a description with every value, all escaped."""
    drawing = ET.fromstring(score_bars(BARS, title="Before & after"))
    assert drawing.get("role") == "img"
    assert drawing.findtext("title") == "Before & after"
    assert "Tuned <b> 0.500" in str(drawing.findtext("desc"))


def test_target_is_on_the_axis() -> None:
    """A target above every score still lies inside the drawing."""
    lines = ET.fromstring(score_bars(BARS, title="t", target=0.9)).iter("line")
    places = {float(line.get("x1", "").rstrip("%")) for line in lines if line.get("class") == "target"}
    assert len(places) == 1
    assert 55 < places.pop() < 100


@pytest.mark.parametrize(
    ("ends", "look"), [((0.1, 0.3), "better"), ((-0.3, -0.1), "worse"), ((-0.1, 0.1), "open"), ((0.0, 0.2), "open")]
)
def test_strip_looks_as_the_interval_says(ends: tuple[float, float], look: str) -> None:
    """Only an interval wholly on one side of zero is better or worse."""
    markup = difference_strip(sum(ends) / 2, ends, 0.05, title="t")
    assert len(rectangles(markup, look)) == 1
    assert len(rectangles(markup, "band")) == 1


def test_strip_of_no_difference_can_be_drawn() -> None:
    """Two equal models and nothing detectable make a drawing too."""
    markup = difference_strip(0.0, (0.0, 0.0), None, title="t")
    assert not rectangles(markup, "band")
    assert len(rectangles(markup, "open")) == 1


def test_shares_fill_the_width_of_the_largest() -> None:
    """The largest share is as wide as the drawing; zeros are empty; no rows are no bars."""
    markup = share_bars([("a", 4, "4"), ("b", 1, "1"), ("c", 0, "0")], title="t")
    assert [width for _, width in rectangles(markup, "plain")] == [100, 25, 0]
    assert rectangles(share_bars([], title="t"), "plain") == []
