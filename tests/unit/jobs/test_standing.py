"""What a job remembers of its progress, and when it will be done."""

from __future__ import annotations

import pytest

from vectune.jobs.standing import Standing

END = 10.0
"""What every job has before it, to its last second."""


class Clock:
    """Seconds that pass when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_rest_of_training_goes_as_fast_as_it_went() -> None:
    """Ten steps at two seconds are left, and the judging of forty texts, forwards alone: three times as fast."""
    clock = Clock()
    standing = Standing(clock)
    standing.stage("train", 15)
    standing.advance(2)  # steps of a worker before this one
    for _ in range(3):
        standing.advance(1, loss=1.0, rows_per_second=8.0)
        clock.now += 2
    assert standing.seconds_left(30, 10) == pytest.approx(10 * 2 + 2 * 40 / (2 * 3 * 8) + END)


def test_nothing_is_promised_before_it_is_known() -> None:
    """Without two steps to go by, and outside of training, there is no estimate."""
    standing = Standing(Clock())
    standing.stage("train", 15)
    standing.advance(1, loss=1.0)
    assert standing.seconds_left(30, 10) is None
    standing.stage("judge base", 5)
    assert standing.seconds_left(30, 10) is None


def test_stage_and_notes_are_kept() -> None:
    """The stage, how far it is, and notes can be asked for; the steps of training stay known after it."""
    standing = Standing()
    standing.stage("train", 9)
    standing.stage("judge base", 5)
    standing.advance(2)
    standing.note("a")
    assert (standing.name, standing.done, standing.total, standing.total_steps) == ("judge base", 2, 5, 9)
    assert standing.notes == ["a"]


def test_judging_goes_on_as_it_went() -> None:
    """Of 100 texts 20 took 4 seconds: the other 80 take 16, and the tuned model as long as the base."""
    clock = Clock()
    standing = Standing(clock)
    for name, left in (("judge base", 16 + 20), ("judge tuned", 16)):
        standing.stage(name, 100)
        clock.now += 4
        standing.advance(20)
        assert standing.seconds_left(30, 10) == pytest.approx(left + END)


def test_quick_models_are_judged_in_no_time() -> None:
    """The base took 4 seconds for 20 of 100 texts; a token table takes next to nothing after it."""
    clock = Clock()
    standing = Standing(clock, judged_twice=False)
    standing.stage("judge base", 100)
    clock.now += 4
    standing.advance(20)
    assert standing.seconds_left(30, 10) == pytest.approx(16 + END)


def test_training_that_tells_no_speed_is_estimated_by_its_steps() -> None:
    """Where nobody tells rows a second (an adapter), judging is left out rather than taken for endless."""
    clock = Clock()
    standing = Standing(clock)
    standing.stage("train", 10)
    for _ in range(2):
        standing.advance(1, loss=1.0)
        clock.now += 2
    assert standing.seconds_left(30, 10) == pytest.approx(8 * 2 + END)


def test_mixing_takes_as_long_as_dev_did() -> None:
    """Dev took 3 seconds before training: each of four shares takes as much; two of them took 8 seconds in the end."""
    clock = Clock()
    standing = Standing(clock)
    standing.stage("baseline on dev")
    clock.now += 3
    standing.stage("train", 10)
    for _ in range(2):
        standing.advance(1, loss=1.0)
        clock.now += 2
    assert standing.seconds_left(30, 10) == pytest.approx(8 * 2 + 4 * 3 + END)
    standing.stage("interpolate", 4)
    assert standing.seconds_left(30, 10) is None
    clock.now += 8
    standing.advance(2, dev=0.5)
    assert standing.seconds_left(30, 10) == pytest.approx(8 + END)
