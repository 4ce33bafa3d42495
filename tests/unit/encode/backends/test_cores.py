"""No more workers than cores that the process may use."""

from __future__ import annotations

import os

import pytest

from vectune.encode.backends.cores import usable_cores


def test_environment_lowers_and_never_raises() -> None:
    """OMP_NUM_THREADS is the user's word; nonsense in it is no word."""
    free = usable_cores({})
    assert 1 <= free <= (os.cpu_count() or 1)
    assert usable_cores({"OMP_NUM_THREADS": "1"}) == 1
    assert usable_cores({"OMP_NUM_THREADS": "999"}) == free


@pytest.mark.parametrize("value", ["", "0", "many"])
def test_nonsense_is_ignored(value: str) -> None:
    """Such values leave the number of cores."""
    assert usable_cores({"OMP_NUM_THREADS": value}) == usable_cores({})
