"""When a job will be done."""

from __future__ import annotations

import pytest

from tests.fakes.clock import Clock
from vectune.jobs.estimate import seconds_left
from vectune.jobs.standing import Standing

END = 10.0
"""What every job has before it, to its last second."""
SIZES = {"train": 15, "dev": 5, "test": 10}


def _encoded(standing: Standing, clock: Clock, stage: str, total: int, done: int, seconds: float) -> None:
    """So many of the stage's texts are done, each in as many seconds."""
    standing.stage(stage, total)
    standing.advance(1)
    for _ in range(done - 1):
        clock.now += seconds
        standing.advance(1)


def test_rest_of_training_goes_as_fast_as_it_went() -> None:
    """Ten steps at two seconds are left, and the judging of forty texts, forwards alone: three times as fast."""
    clock = Clock()
    standing = Standing(clock)
    standing.stage("train", 15)
    standing.advance(2)  # steps of a worker before this one
    for _ in range(3):
        standing.advance(1, loss=1.0, rows_per_second=8.0)
        clock.now += 2
    assert seconds_left(standing, "full", SIZES) == pytest.approx(10 * 2 + 2 * 40 / (2 * 3 * 8) + END)


@pytest.mark.parametrize("method", ["full", "lora", "adapter", "static"])
def test_nothing_is_promised_before_it_is_known(method: str) -> None:
    """Before data are read, with one step or one batch of texts to go by, there is no estimate."""
    standing = Standing(Clock())
    assert seconds_left(standing, method, {}) is None
    standing.stage("train", 15)
    standing.advance(1, loss=1.0)
    assert seconds_left(standing, method, SIZES) is None
    standing.stage("judge base", 5)
    standing.advance(1)
    assert seconds_left(standing, method, SIZES) is None


def test_judging_goes_on_as_it_went() -> None:
    """Of 100 texts 20 are done, each in .2 seconds: the other 80 take 16, and the tuned model as long as the base."""
    clock = Clock()
    standing = Standing(clock)
    for name, left in (("judge base", 16 + 20), ("judge tuned", 16)):
        _encoded(standing, clock, name, total=100, done=20, seconds=0.2)
        assert seconds_left(standing, "lora", SIZES) == pytest.approx(left + END)


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
    assert seconds_left(standing, "full", SIZES) == pytest.approx(8 * 2 + 4 * 3 + END)
    standing.stage("interpolate", 4)
    assert seconds_left(standing, "full", SIZES) is None
    clock.now += 8
    standing.advance(2, dev=0.5)
    assert seconds_left(standing, "full", SIZES) == pytest.approx(8 + END)


def test_a_token_table_is_judged_in_no_time() -> None:
    """Of the base's 100 texts 80 are left at .2 seconds; before judging no whole text was read, and nothing is told."""
    clock = Clock()
    standing = Standing(clock)
    standing.stage("train", 10)
    for _ in range(3):
        clock.now += 2
        standing.advance(1, loss=1.0, rows_per_second=1000.0)
    assert seconds_left(standing, "static", SIZES) is None
    _encoded(standing, clock, "judge base", total=100, done=20, seconds=0.2)
    assert seconds_left(standing, "static", SIZES) == pytest.approx(16 + END)


def test_an_adapters_texts_are_each_encoded_once() -> None:
    """Queries take .1 second and documents .5: after those of train come those of five units of dev and ten of test;
    training and mixing go as they went."""
    clock = Clock()
    standing = Standing(clock)
    _encoded(standing, clock, "encode queries", total=15, done=15, seconds=0.1)
    assert seconds_left(standing, "adapter", SIZES) is None
    _encoded(standing, clock, "encode documents", total=15, done=5, seconds=0.5)
    assert seconds_left(standing, "adapter", SIZES) == pytest.approx(10 * 0.5 + 5 * 0.6 + 10 * 0.6 + END)
    standing.stage("baseline on dev")
    clock.now += 1
    assert seconds_left(standing, "adapter", SIZES) == pytest.approx(5 * 0.6 - 1 + 10 * 0.6 + END)
    standing.stage("train", 20)
    assert seconds_left(standing, "adapter", SIZES) == pytest.approx(10 * 0.6 + END)
    for _ in range(2):
        clock.now += 0.5
        standing.advance(1, loss=1.0)
    assert seconds_left(standing, "adapter", SIZES) == pytest.approx(18 * 0.5 + 10 * 0.6 + END)
    standing.stage("interpolate", 5)
    clock.now += 2
    standing.advance(2, dev=0.5)
    assert seconds_left(standing, "adapter", SIZES) == pytest.approx(3 + 10 * 0.6 + END)
    standing.stage("judge base", 40)
    clock.now += 4
    standing.advance(20)
    assert seconds_left(standing, "adapter", SIZES) == pytest.approx(10 * 0.6 - 4 + END)
