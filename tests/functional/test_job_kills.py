"""`kill -9` of worker, server or both while jobs run: every job succeeds, and nothing is lost or told twice."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.functional.job_killing import METHODS, Ordeal, survive
from tests.functional.job_stages import MOVING, STAGES, TRAINING


@pytest.mark.parametrize("method", ["full", "adapter"])
def test_a_job_outlives_server_and_worker(method: str, tiny_model_folder: Path, tmp_path: Path) -> None:
    """Both are killed in the middle of training: the next server brings the job to its end."""
    ordeal = Ordeal(tmp_path, tiny_model_folder, [METHODS[method]])
    try:
        ordeal.keep_busy()
        ordeal.wait_for(lambda: ordeal.step() > 0)
        ordeal.kill("both")
        found = ordeal.finish()
    finally:
        ordeal.end()
    assert found.faults == []
    assert [kill.stage for kill in found.kills] == [TRAINING]


@pytest.mark.slow_kill
def test_jobs_outlive_fifty_kills(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Fifty kills of jobs by each method, at drawn moments and at every stage of a job's life; that it is moved takes
    too short a moment to be sure of it."""
    found = survive(50, random.Random(50), Ordeal(tmp_path, tiny_model_folder, list(METHODS.values())))
    assert found.faults == []
    assert len(found.kills) == 50
    assert {kill.stage for kill in found.kills} >= set(STAGES) - {MOVING}
