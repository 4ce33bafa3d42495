"""What stays is not searched for garbage; what comes and goes is."""

from __future__ import annotations

import gc
import weakref

import pytest

from vectune.http.garbage import kept_from_search


class Ring:
    """Refers to itself, so that only a search finds it."""

    def __init__(self) -> None:
        self.self = self


def test_old_objects_are_left_out_and_new_garbage_is_found() -> None:
    """Within the block what was there before is out of the search, and a ring that is made and dropped is found."""
    kept = Ring()
    with kept_from_search():
        assert gc.get_freeze_count() > 1000
        assert not any(one is kept for one in gc.get_objects())
        gone = weakref.ref(Ring())
        gc.collect()
        assert gone() is None
    assert any(one is kept for one in gc.get_objects())


def test_everything_is_searched_again_after_an_error() -> None:
    """A server that ends by an error leaves nothing out of the search."""
    with pytest.raises(KeyError), kept_from_search():
        raise KeyError
    assert gc.get_freeze_count() == 0
