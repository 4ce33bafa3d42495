"""Where the cache lies."""

from __future__ import annotations

from pathlib import Path

from vectune.store.cache_folder import cache_folder


def test_the_variable_goes_before_the_home_folder() -> None:
    """VECTUNE_CACHE names the folder; without it, or with nothing in it, it lies under ~/.cache."""
    assert cache_folder({"VECTUNE_CACHE": "/somewhere"}) == Path("/somewhere")
    assert cache_folder({"VECTUNE_CACHE": "~/there"}) == Path.home() / "there"
    assert cache_folder({"VECTUNE_CACHE": " "}) == cache_folder({}) == Path.home() / ".cache" / "vectune"
