from __future__ import annotations

import pytest

from vectune.workflows.stopwatch import Stopwatch


def test_stages_are_listed_in_their_order() -> None:
    """Every stage is named once, in the order of first entry, also one that failed or was entered twice."""
    watch = Stopwatch()
    with watch.stage("read"):
        pass
    with pytest.raises(ValueError, match="halfway"), watch.stage("train"):
        raise ValueError("halfway")
    with watch.stage("read"):
        pass
    assert list(watch.seconds) == ["read", "train"]
    assert all(value >= 0 for value in watch.seconds.values())
