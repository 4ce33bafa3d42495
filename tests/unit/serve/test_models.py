"""Models in memory."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes.hash_encoder import HashEncoder
from vectune.errors import ModelError
from vectune.serve.models import ModelCache
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
