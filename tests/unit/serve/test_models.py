"""Models in memory."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes.hash_encoder import HashEncoder
from vectune.errors import ModelError
from vectune.serve.models import ModelCache
from vectune.serve.queue import Overloaded
from vectune.serve.shared_encoder import SharedEncoder

GATE_SECONDS = 20


class Loader:
    """Opens hash encoders, one after the other or held at a gate, and counts."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.gates: dict[str, threading.Event] = {}

    def __call__(self, name: str) -> SharedEncoder:
        self.loaded.append(name)
        if name == "broken":
            raise ModelError("It is broken.")
        if name in self.gates:
            assert self.gates[name].wait(GATE_SECONDS)
        return SharedEncoder(HashEncoder(name=name))


def _cache(loader: Loader, most: int = 20) -> ModelCache:
    return ModelCache(loader, most, lambda name: 10)


def test_model_is_loaded_once_for_all_who_ask() -> None:
    """Eight threads that ask at the same time get one model."""
    loader = Loader()
    cache = _cache(loader)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(cache.get, ["a"] * 8))
    assert loader.loaded == ["a"]
    assert len({id(encoder) for encoder in found}) == 1


def test_loading_one_does_not_hold_up_another() -> None:
    """While one model takes its time, another is loaded and used."""
    loader = Loader()
    loader.gates["slow"] = threading.Event()
    cache = _cache(loader)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(cache.get, "slow")
        assert cache.get("quick").name == "quick"
        assert cache.held("slow") is None
        assert not slow.done()
        loader.gates["slow"].set()
        assert slow.result(GATE_SECONDS).name == "slow"
    assert cache.held("slow") is not None


def test_longest_unused_goes_first() -> None:
    """Over the limit the model that was asked for longest ago is let go, and loaded again when asked for."""
    loader = Loader()
    cache = _cache(loader)
    for name in ("a", "b", "a", "c"):
        cache.get(name)
    assert cache.names == ("a", "c")
    assert cache.bytes == 20
    cache.get("b")
    assert loader.loaded == ["a", "b", "c", "b"]


def test_to_look_at_a_model_is_no_use_of_it() -> None:
    """A model that is only seen goes first all the same, and is not loaded to be seen."""
    loader = Loader()
    cache = _cache(loader)
    first = cache.get("a")
    cache.get("b")
    assert cache.seen("a") is first
    cache.get("c")
    assert cache.seen("a") is None
    assert loader.loaded == ["a", "b", "c"]


def test_one_model_is_kept_however_large() -> None:
    """A model over the limit alone is kept: the service would have none."""
    cache = _cache(Loader(), most=5)
    cache.get("a")
    assert cache.held("a") is not None


def test_failure_is_told_and_tried_again() -> None:
    """What loading raises is raised, nothing is kept, and the next caller tries anew."""
    loader = Loader()
    cache = _cache(loader)
    for _ in range(2):
        with pytest.raises(ModelError, match="broken"):
            cache.get("broken")
    assert loader.loaded == ["broken", "broken"]
    assert cache.held("broken") is None
    assert cache.names == ()


def test_forgotten_model_is_gone() -> None:
    """A model that was deleted is let go; one that is not there is no error."""
    cache = _cache(Loader())
    cache.get("a")
    cache.forget("a")
    cache.forget("b")
    assert cache.held("a") is None
    assert cache.bytes == 0


async def test_waiting_holds_up_nobody() -> None:
    """Many callers wait for one model while another is loaded and used; who leaves spoils it for nobody."""
    loader = Loader()
    loader.gates["slow"] = threading.Event()
    cache = _cache(loader)
    waiting = [asyncio.create_task(cache.wait_for("slow")) for _ in range(50)]
    assert (await asyncio.wait_for(cache.wait_for("quick"), GATE_SECONDS)).name == "quick"
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    loader.gates["slow"].set()
    found = await asyncio.gather(*waiting[1:])
    assert {encoder.name for encoder in found} == {"slow"}
    assert loader.loaded.count("slow") == 1


async def test_failure_reaches_all_who_wait() -> None:
    """What loading raises is raised to every caller, and the next one tries anew."""
    loader = Loader()
    cache = _cache(loader)
    found = await asyncio.gather(*(cache.wait_for("broken") for _ in range(3)), return_exceptions=True)
    assert all(isinstance(error, ModelError) for error in found)
    with pytest.raises(ModelError):
        await cache.wait_for("broken")


def test_models_that_are_let_go_are_told() -> None:
    """By want of room, by name, or because their folder is gone: each once."""
    gone: list[int] = []
    cache = ModelCache(Loader(), 10, lambda name: 10, gone.append)
    serials = [cache.get(name).serial for name in ("a", "b", "/no/such/folder")]
    assert gone == serials[:2]
    cache.forget("b")
    cache.forget_gone()
    assert gone == serials
    assert cache.names == ()


def test_many_callers_and_more_models_than_fit() -> None:
    """Eight threads that ask for and let go of six models, of which two fit: each gets the model it asked for, and the
    count of bytes is that of the models kept, never above the limit once all are loaded."""
    loader = Loader()
    cache = _cache(loader)

    def work(seed: int) -> bool:
        draw = random.Random(seed)
        right = True
        for _ in range(300):
            name = draw.choice("abcdef")
            if draw.random() < 0.1:
                cache.forget(name)
            held = cache.held(name) or cache.get(name)
            right = right and held.name == name
        return right

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
    assert cache.bytes == 10 * len(cache.names) <= 20
    assert all(cache.held(name) is not None for name in cache.names)


def test_model_forgotten_while_it_loads() -> None:
    """Whoever waits for it gets it, and it is not kept."""
    loader = Loader()
    loader.gates["slow"] = threading.Event()
    cache = _cache(loader)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(cache.get, "slow")
        while not loader.loaded:
            time.sleep(0.001)
        cache.forget("slow")
        loader.gates["slow"].set()
        assert waiting.result(GATE_SECONDS).name == "slow"
    assert cache.names == ()
    assert cache.bytes == 0


async def test_more_than_may_wait_for_a_model_is_refused() -> None:
    """While a model is loaded only so many tokens wait for it, and none for ever so many; other models are not meant.
    Who leaves makes room, and so does the model when it is there."""
    loader = Loader()
    for name in ("slow", "other"):
        loader.gates[name] = threading.Event()
    cache = ModelCache(loader, 20, lambda name: 10, most_waiting=1000)
    waiting = [asyncio.create_task(cache.wait_for("slow", tokens)) for tokens in (5000, 300)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await waiting[1]
    assert (refused.value.limit, refused.value.remaining) == (1000, 0)
    assert refused.value.retry_after > 0
    other = asyncio.create_task(cache.wait_for("other", 300))
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    small = [asyncio.create_task(cache.wait_for("slow")) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):  # a short text holds a connection too: the fourth is one too many
        await small[3]
    for gate in loader.gates.values():
        gate.set()
    found = await asyncio.gather(*small[:3], other)
    assert [model.name for model in found] == ["slow", "slow", "slow", "other"]
    assert (await cache.wait_for("slow", 5000)).name == "slow"


class Scales(Loader):
    """A loader that knows how much was in memory, or on its way there, at most: models of 10 bytes, `large` of 50."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = ModelCache(self, 20, self.weigh)
        self.most = 0

    def weigh(self, name: str) -> int:
        return 50 if name == "large" else 10

    def __call__(self, name: str) -> SharedEncoder:
        self.most = max(self.most, self.cache.bytes)
        return super().__call__(name)


def test_room_is_made_before_a_model_is_loaded() -> None:
    """What is unused longest has gone when the next one begins to load: together they were too much."""
    loader = Scales()
    for name in ("a", "b", "c", "d"):
        loader.cache.get(name)
    assert loader.most == 20


def test_many_that_load_together_wait_for_room() -> None:
    """Two fit: the third is loaded only once one of them is there, and can be let go."""
    loader = Scales()
    loader.gates = {name: threading.Event() for name in "ab"}
    with ThreadPoolExecutor(3) as pool:
        first = [pool.submit(loader.cache.get, name) for name in "ab"]
        while len(loader.loaded) < 2:
            time.sleep(0.001)
        third = pool.submit(loader.cache.get, "c")
        while "c" not in loader.cache.names:
            time.sleep(0.001)
        time.sleep(0.05)
        assert loader.loaded.count("c") == 0
        loader.gates["b"].set()
        assert third.result(GATE_SECONDS).name == "c"
        assert set(loader.cache.names) == {"a", "c"}
        loader.gates["a"].set()
        assert all(one.result(GATE_SECONDS) for one in first)
    assert loader.most == loader.cache.bytes == 20


def test_a_model_larger_than_all_room_waits_until_it_is_alone() -> None:
    """It is loaded all the same, when nothing else is in memory; what weighs nothing is in nobody's way."""
    loader = Scales()
    loader.cache.get("a")
    assert loader.cache.get("large").name == "large"
    assert loader.cache.names == ("large",)
    assert loader.cache.get("b").name == "b"
    assert (loader.cache.names, loader.cache.bytes) == (("b",), 10)


def test_room_of_a_model_that_can_not_be_loaded_is_free_again() -> None:
    """Failures leave nothing behind that others would wait for."""
    loader = Scales()
    for _ in range(3):
        with pytest.raises(ModelError):
            loader.cache.get("broken")
    assert loader.cache.bytes == 0


def test_a_model_that_was_not_here_is_weighed_once_it_is() -> None:
    """What a hub has weighs nothing before it is fetched; then it counts, and others go."""
    loader = Loader()
    cache = ModelCache(loader, 20, lambda name: 10 * (name in loader.loaded))
    for name in ("a", "b", "c"):
        cache.get(name)
    assert (cache.names, cache.bytes) == (("b", "c"), 20)


def test_a_renewed_model_takes_the_place_of_the_old_one() -> None:
    """Who has the old one keeps it; the next caller gets the new one, nobody in between waits, and the room is that of
    one model."""
    gone: list[int] = []
    loader = Loader()
    cache = ModelCache(loader, 20, lambda name: 10, gone.append)
    old = cache.get("a")
    loader.gates["a"] = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        renewed = pool.submit(cache.renew, "a")
        while len(loader.loaded) < 2:
            time.sleep(0.001)
        assert cache.held("a") is old
        assert cache.bytes == 20  # both are in memory now
        loader.gates["a"].set()
        renewed.result(GATE_SECONDS)
    new = cache.held("a")
    assert new is not None
    assert new is not old
    assert gone == [old.serial]
    assert (cache.names, cache.bytes) == (("a",), 10)


def test_what_is_not_in_memory_is_not_renewed() -> None:
    """A model that was let go is loaded when somebody asks for it, not before."""
    loader = Loader()
    cache = _cache(loader)
    cache.renew("a")
    assert loader.loaded == []


def test_a_model_let_go_while_it_is_renewed_stays_away() -> None:
    """It was deleted, say: the new one is not kept either, and takes no room."""
    loader = Loader()
    cache = _cache(loader)
    cache.get("a")
    loader.gates["a"] = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        renewed = pool.submit(cache.renew, "a")
        while len(loader.loaded) < 2:
            time.sleep(0.001)
        cache.forget("a")
        loader.gates["a"].set()
        renewed.result(GATE_SECONDS)
    assert (cache.names, cache.bytes) == ((), 0)


def test_a_model_that_can_not_be_renewed_stays() -> None:
    """The error is the caller's; the old one is served, and no room is lost."""
    names = iter(["a", "broken"])
    loader = Loader()
    cache = ModelCache(lambda name: loader(next(names)), 20, lambda name: 10)
    old = cache.get("a")
    with pytest.raises(ModelError):
        cache.renew("a")
    assert cache.held("a") is old
    assert cache.bytes == 10


def test_where_both_do_not_fit_the_old_one_goes_first() -> None:
    """The room holds one: it is kept to, and the next caller has the renewed model."""
    loader = Loader()
    cache = _cache(loader, most=10)
    old = cache.get("a")
    cache.renew("a")
    assert cache.bytes <= 10
    assert cache.get("a") is not old
    assert cache.bytes == 10
    assert loader.loaded == ["a", "a"]


def test_where_both_do_not_fit_callers_wait_for_the_one_load() -> None:
    """Nobody has the model loaded once more while it is on its way."""
    loader = Loader()
    cache = _cache(loader, most=10)
    old = cache.get("a")
    loader.gates["a"] = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        renewed = pool.submit(cache.renew, "a")
        while len(loader.loaded) < 2:
            time.sleep(0.001)
        asked = pool.submit(cache.get, "a")
        assert (cache.names, cache.held("a")) == (("a",), None)
        loader.gates["a"].set()
        renewed.result(GATE_SECONDS)
        assert asked.result(GATE_SECONDS) is not old
    assert loader.loaded == ["a", "a"]
    assert cache.held("a") is asked.result()
    assert (cache.names, cache.bytes) == (("a",), 10)


def test_where_both_do_not_fit_a_failure_leaves_no_trace() -> None:
    """The old one is gone, no room is lost, and the next caller tries again."""
    names = iter(["a", "broken", "a"])
    loader = Loader()
    cache = ModelCache(lambda name: loader(next(names)), 10, lambda name: 10)
    old = cache.get("a")
    with pytest.raises(ModelError):
        cache.renew("a")
    assert (cache.names, cache.bytes) == ((), 0)
    assert cache.get("a") is not old
