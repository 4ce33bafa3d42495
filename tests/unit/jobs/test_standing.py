"""What a job remembers of its progress."""

from __future__ import annotations

import pytest

from tests.fakes.clock import Clock
from vectune.jobs.standing import Standing


def test_stage_and_notes_are_kept() -> None:
    """The stage, how far it is, and notes can be asked for; the steps of training stay known after it."""
    standing = Standing()
    standing.stage("train", 9)
    standing.stage("judge base", 5)
    standing.advance(2)
    standing.note("a")
    assert (standing.name, standing.done, standing.total, standing.total_steps) == ("judge base", 2, 5, 9)
    assert (standing.left, standing.notes) == (3, ["a"])


def test_stages_and_steps_take_their_time() -> None:
    """A stage that is over has its seconds; a step has those between the first and the last, evaluations included."""
    clock = Clock()
    standing = Standing(clock)
    standing.stage("baseline on dev")
    clock.now += 3
    standing.stage("train", 15)
    assert standing.took["baseline on dev"] == pytest.approx(3)
    standing.advance(2)  # steps of a worker before this one
    assert standing.step_seconds is None
    for seconds in (2, 2, 5):
        standing.advance(1, loss=1.0, rows_per_second=8.0)
        clock.now += seconds
    assert standing.step_seconds == pytest.approx(2)
    assert (standing.left, standing.rows_per_second, standing.elapsed) == (10, 8.0, pytest.approx(9))


def test_pace_leaves_out_what_was_done_at_once() -> None:
    """Of 100 texts 40 are known from before; the next 20 take 4 seconds. The pace of a stage stays known after it."""
    clock = Clock()
    standing = Standing(clock)
    standing.stage("encode documents", 100)
    assert standing.pace("encode documents") is None
    clock.now += 1
    standing.advance(40)
    assert standing.pace("encode documents") is None
    for _ in range(2):
        clock.now += 2
        standing.advance(10)
    standing.stage("train", 5)
    assert standing.pace("encode documents") == pytest.approx(0.2)
    assert standing.pace("train") is None


def test_first_units_are_longer_than_those_that_are_left() -> None:
    """Ten texts take 3 seconds, the next ten 1: the 80 that are left take 8, and the stage 12 in all, which stays known
    after it. Hearing that no text was known from before begins nothing."""
    clock = Clock()
    standing = Standing(clock)
    standing.stage("encode documents", 100)
    standing.advance(0)
    for seconds in (3, 1):
        assert standing.whole("encode documents") is None
        clock.now += seconds
        standing.advance(10)
    assert standing.pace("encode documents") == pytest.approx(0.1)
    assert standing.whole("encode documents") == pytest.approx(12)
    clock.now += 8
    standing.advance(80)
    standing.stage("train", 5)
    assert standing.whole("encode documents") == pytest.approx(12)


def test_a_stage_of_which_some_was_done_counts_as_a_whole() -> None:
    """40 of 100 texts were known from before, and 60 take 12 seconds: all would have taken 20."""
    clock = Clock()
    standing = Standing(clock)
    standing.stage("encode documents", 100)
    standing.advance(40)
    clock.now += 12
    standing.advance(60)
    assert standing.whole("encode documents") == pytest.approx(20)
