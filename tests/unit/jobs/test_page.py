"""Pages of lists."""

from __future__ import annotations

from vectune.jobs.page import Page, page


def test_one_more_says_that_there_is_more() -> None:
    """A list that holds one entry beyond the limit is cut and has more; a shorter one is whole."""
    assert page([1, 2, 3], 2) == Page((1, 2), True)
    assert page([1, 2], 2) == Page((1, 2), False)
