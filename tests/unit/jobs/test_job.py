"""How a job goes from status to status."""

from __future__ import annotations

from vectune.jobs.job import EDGES, OVER


def test_nothing_follows_an_end_and_all_else_can_end() -> None:
    """What is over stays so; from every other status a job can be cancelled."""
    assert {status for status, after in EDGES.items() if not after} == OVER
    assert all("cancelled" in after for status, after in EDGES.items() if status not in OVER)


def test_success_comes_from_work_alone() -> None:
    """Only what runs, or was about to pause, can succeed."""
    assert {status for status, after in EDGES.items() if "succeeded" in after} == {"running", "pausing"}
