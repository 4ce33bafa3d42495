from __future__ import annotations

from tests.unit.report.conftest import MakeRun
from tests.unit.report.outline import Outline
from vectune.report.training import dev_chart, loss_chart, mix_chart, no_training, pace, stages


def test_loss_is_shown_raw_and_smoothed(make_run: MakeRun) -> None:
    """96 steps make two curves over epochs."""
    outline = Outline(loss_chart(make_run()) or "")
    assert [curve["class"] for curve in outline.all("polyline")] == ["curve pale", "curve tuned"]
    assert "epoch" in outline.texts


def test_dev_rings_the_best(make_run: MakeRun) -> None:
    """The best dev score is ringed and named."""
    run = make_run()
    best = max(entry["score"] for entry in run.events("dev"))
    outline = Outline(dev_chart(run) or "")
    assert f"Best: {best:.3f}" in outline.texts
    assert len(outline.all("circle", class_="ring")) == 1


def test_mix_starts_at_the_base_and_rings_what_was_taken(make_run: MakeRun) -> None:
    """The base's own dev score is the mix of 0 %, and the chosen share is ringed."""
    outline = Outline(mix_chart(make_run()) or "")
    assert {"0 %", "25 %", "100 %", "Taken: 75 % tuned"} <= set(outline.texts)
    assert len(outline.all("circle", class_="point tuned")) == 5


def test_pace_has_recipe_and_speed(make_run: MakeRun) -> None:
    """The loss by its name, the steps and the rows a second."""
    text = Outline(pace(make_run()) or "").text
    assert "Loss InfoNCE" in text
    assert "Steps 96" in text
    assert "Rows a second (median) 18" in text


def test_run_without_a_log_has_no_curves(make_run: MakeRun) -> None:
    """A folder that holds a judgement only says so, and has its stages from the verdict."""
    run = make_run(without=("metrics.jsonl",))
    assert [part(run) for part in (loss_chart, dev_chart, mix_chart, pace)] == [None] * 4
    assert "no training was logged" in Outline(no_training(run) or "").text
    assert dict(stages(run))["train"] == 81.2
    assert no_training(make_run()) is None


def test_stages_fall_back_to_the_log(make_run: MakeRun) -> None:
    """Without seconds in the verdict the metric log tells them."""
    assert stages(make_run(changes={"seconds": None})) == [("read", 1.2), ("train", 81.2)]
