"""When a job will be done."""

from __future__ import annotations

import pytest

from tests.fakes.clock import Clock
from vectune.evaluate.general import general_set, guard_set
from vectune.jobs.estimate import EVERYDAY, GUARD, Work, seconds_left
from vectune.jobs.standing import Standing
from vectune.records import Retrieval, Scored
from vectune.workflows.trial import TRIAL

REST, EXPORT = 1.0, 2.0
"""What every job has before it to its last second, and what one has besides whose model is exported."""
SIZES = {"train": 15, "dev": 5, "test": 10}


def _work(method: str, **settings: bool) -> Work:
    return Work(method, SIZES, **{"general": False, "export": False, **settings})


def _encoded(standing: Standing, clock: Clock, stage: str, total: int, done: int, seconds: float) -> None:
    """So many of the stage's texts are done, each in as many seconds."""
    standing.stage(stage, total)
    clock.now += seconds
    standing.advance(1)
    for _ in range(done - 1):
        clock.now += seconds
        standing.advance(1)


def _trained(standing: Standing, clock: Clock, total: int, done: int, seconds: float, **values: float) -> None:
    standing.stage("train", total)
    for _ in range(done):
        clock.now += seconds
        standing.advance(1, loss=1.0, **values)


def test_rest_of_training_goes_as_fast_as_it_went() -> None:
    """Ten steps at two seconds are left, and the judging of forty texts, forwards alone: three times as fast."""
    clock = Clock()
    standing = Standing(clock)
    standing.stage("train", 15)
    standing.advance(2)  # steps of a worker before this one
    for _ in range(3):
        standing.advance(1, loss=1.0, rows_per_second=8.0)
        clock.now += 2
    assert seconds_left(standing, _work("full")) == pytest.approx(10 * 2 + 2 * 40 / (2 * 3 * 8) + REST)


@pytest.mark.parametrize("method", ["full", "lora", "adapter", "static"])
def test_nothing_is_promised_before_it_is_known(method: str) -> None:
    """Before data are read, with one step or one batch of texts to go by, there is no estimate."""
    standing = Standing(Clock())
    assert seconds_left(standing, Work(method)) is None
    standing.stage("train", 15)
    standing.advance(1, loss=1.0)
    assert seconds_left(standing, _work(method)) is None
    standing.stage("judge base", 5)
    standing.advance(1)
    assert seconds_left(standing, _work(method)) is None


def test_judging_goes_on_as_it_went() -> None:
    """Of 100 texts 20 are done, each in .2 seconds: the other 80 take 16, and the tuned model as long as the base."""
    clock = Clock()
    standing = Standing(clock)
    for name, left in (("judge base", 16 + 20), ("judge tuned", 16)):
        _encoded(standing, clock, name, total=100, done=20, seconds=0.2)
        assert seconds_left(standing, _work("lora")) == pytest.approx(left + REST)


def test_mixing_takes_as_long_as_dev_did() -> None:
    """Dev took 3 seconds before training: each of four shares takes as much; two of them took 8 seconds in the end."""
    clock = Clock()
    standing = Standing(clock)
    standing.stage("baseline on dev")
    clock.now += 3
    _trained(standing, clock, total=10, done=2, seconds=2)
    assert seconds_left(standing, _work("full")) == pytest.approx(8 * 2 + 4 * 3 + REST)
    standing.stage("interpolate", 4)
    assert seconds_left(standing, _work("full")) is None
    clock.now += 8
    standing.advance(2, dev=0.5)
    assert seconds_left(standing, _work("full")) == pytest.approx(8 + REST)


def test_a_token_table_is_judged_in_no_time() -> None:
    """The texts that were tried take .3 seconds each, the 40 that are judged as long; tokens take .1 second, steps .5
    and the shares one. The table itself takes nothing, in judging or on everyday texts."""
    clock = Clock()
    standing = Standing(clock)
    _encoded(standing, clock, TRIAL, total=9, done=9, seconds=0.3)
    assert seconds_left(standing, _work("static")) is None
    _encoded(standing, clock, "distil tokens", total=50, done=20, seconds=0.1)
    assert seconds_left(standing, _work("static")) == pytest.approx(30 * 0.1 + 40 * 0.3 + REST)
    assert seconds_left(standing, _work("static", general=True)) == pytest.approx(3 + (40 + EVERYDAY) * 0.3 + REST)
    _trained(standing, clock, total=10, done=2, seconds=0.5)
    assert seconds_left(standing, _work("static")) == pytest.approx(8 * 0.5 + 40 * 0.3 + REST)
    standing.stage("interpolate", 5)
    clock.now += 2
    standing.advance(2, dev=0.5)
    assert seconds_left(standing, _work("static")) == pytest.approx(3 + 40 * 0.3 + REST)


def test_the_base_is_judged_as_it_was_tried() -> None:
    """A hundred texts at .3 seconds as tried, ten of them queries: what 20 documents took is taken off. Where these
    take longer, the 70 documents that are left do so too."""
    clock = Clock()
    standing = Standing(clock)
    _encoded(standing, clock, TRIAL, total=9, done=9, seconds=0.3)
    standing.stage("judge base", 100)
    assert seconds_left(standing, _work("static")) == pytest.approx(100 * 0.3 + REST)
    for seconds, left in ((0.31, 100 * 0.3 - 20 * 0.31), (0.6, 70 * 0.6)):
        _encoded(standing, clock, "judge base", total=100, done=20, seconds=seconds)
        assert seconds_left(standing, _work("static")) == pytest.approx(left + REST)
        assert seconds_left(standing, _work("static", general=True)) == pytest.approx(left + EVERYDAY * 0.3 + REST)


def test_a_trial_that_was_held_up_misleads_until_documents_are_judged() -> None:
    """Tried at a second each, judged at .3: what is left takes no longer than that, and everyday texts neither."""
    clock = Clock()
    standing = Standing(clock)
    _encoded(standing, clock, TRIAL, total=9, done=9, seconds=1)
    _encoded(standing, clock, "judge base", total=100, done=20, seconds=0.3)
    assert seconds_left(standing, _work("static", general=True)) == pytest.approx((80 + EVERYDAY) * 0.3 + REST)


def test_of_a_table_nothing_is_told_where_no_text_was_tried() -> None:
    """Few texts are not tried: then nothing is known before they are judged."""
    clock = Clock()
    standing = Standing(clock)
    _encoded(standing, clock, "distil tokens", total=50, done=20, seconds=0.1)
    assert seconds_left(standing, _work("static")) is None
    _encoded(standing, clock, "judge base", total=100, done=20, seconds=0.2)
    assert seconds_left(standing, _work("static")) == pytest.approx(16 + REST)


def test_an_adapters_texts_are_each_encoded_once() -> None:
    """Queries take .1 second and documents .5: after those of train come those of five units of dev and ten of test;
    training and mixing go as they went."""
    clock = Clock()
    standing = Standing(clock)
    _encoded(standing, clock, "encode queries", total=15, done=15, seconds=0.1)
    assert seconds_left(standing, _work("adapter")) is None
    _encoded(standing, clock, "encode documents", total=15, done=5, seconds=0.5)
    assert seconds_left(standing, _work("adapter")) == pytest.approx(10 * 0.5 + 15 * 0.6 + REST)
    standing.stage("baseline on dev")
    clock.now += 2
    assert seconds_left(standing, _work("adapter")) == pytest.approx(15 * 0.6 - 2 + REST)
    standing.stage("train", 20)
    assert seconds_left(standing, _work("adapter")) == pytest.approx(7 + REST)
    _trained(standing, clock, total=20, done=2, seconds=0.5)
    assert seconds_left(standing, _work("adapter")) == pytest.approx(18 * 0.5 + 7 + REST)
    standing.stage("interpolate", 5)
    clock.now += 2
    standing.advance(2, dev=0.5)
    assert seconds_left(standing, _work("adapter")) == pytest.approx(3 + 7 + REST)
    standing.stage("judge base", 40)
    clock.now += 4
    standing.advance(20)
    assert seconds_left(standing, _work("adapter")) == pytest.approx(7 - 4 + REST)


def test_what_an_adapters_dev_has_encoded_is_not_judged_again() -> None:
    """Dev ranks the documents of test too, and takes 8 of 9 seconds: only the queries of test are left, one second."""
    clock = Clock()
    standing = Standing(clock)
    _encoded(standing, clock, "encode queries", total=15, done=15, seconds=0.1)
    _encoded(standing, clock, "encode documents", total=15, done=15, seconds=0.5)
    standing.stage("baseline on dev")
    clock.now += 8.5
    assert seconds_left(standing, _work("adapter")) == pytest.approx(10 * 0.1 + REST)
    standing.stage("train", 20)
    assert seconds_left(standing, _work("adapter")) == pytest.approx(10 * 0.1 + REST)


def test_everyday_texts_take_their_time() -> None:
    """Those of the verdict are encoded by each model that is judged, those of the guard before each share and for the
    base; an adapter's base encodes each once. All go as fast as the texts that were encoded before."""
    clock = Clock()
    standing = Standing(clock)

    def more(method: str) -> float:
        with_them, without = (seconds_left(standing, _work(method, general=general)) for general in (True, False))
        assert with_them is not None
        assert without is not None
        return with_them - without

    _encoded(standing, clock, "encode queries", total=15, done=15, seconds=0.1)
    _encoded(standing, clock, "encode documents", total=15, done=15, seconds=0.5)
    assert more("adapter") == pytest.approx(0.3 * (GUARD + EVERYDAY))
    _trained(standing, clock, total=10, done=2, seconds=2, rows_per_second=8.0)
    assert more("adapter") == pytest.approx(0.3 * (GUARD + EVERYDAY))
    assert more("full") == pytest.approx((5 * GUARD + 2 * EVERYDAY) / (2 * 3 * 8))
    standing.stage("interpolate", 4)
    clock.now += 8
    standing.advance(2, dev=0.5)
    assert more("adapter") == pytest.approx(0.3 * EVERYDAY)
    assert more("full") == pytest.approx(2 * EVERYDAY / (2 * 3 * 8))
    for name in ("judge base", "judge tuned"):
        _encoded(standing, clock, name, total=100, done=20, seconds=0.2)
        assert more("full") == pytest.approx(0.2 * 2 * EVERYDAY)


def test_an_everyday_text_is_a_third_of_another() -> None:
    """As many as there are stand behind the two figures: a query and a document each, and two texts of a pair."""

    def texts(found: tuple[Retrieval, Scored]) -> int:
        retrieval, similarity = found
        return len(retrieval.queries) + len(retrieval.corpus) + 2 * len(similarity)

    assert pytest.approx(texts(general_set()) / 3) == EVERYDAY
    assert pytest.approx(texts(guard_set()) / 3) == GUARD


@pytest.mark.parametrize(("method", "seconds"), [("full", EXPORT), ("static", 0.0)])
def test_an_export_takes_its_time(method: str, seconds: float) -> None:
    """Where the server's backend needs one, and not of a token table, which has none."""
    clock = Clock()
    standing = Standing(clock)
    _encoded(standing, clock, "judge base", total=100, done=20, seconds=0.2)
    left = [seconds_left(standing, _work(method, export=export)) for export in (True, False)]
    assert None not in left
    assert (left[0] or 0.0) - (left[1] or 0.0) == pytest.approx(seconds)
