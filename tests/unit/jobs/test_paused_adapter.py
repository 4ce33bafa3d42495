"""A paused adapter job keeps its checkpoint."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tests.fakes.word_rows import overlapping_pairs
from tests.unit.jobs.conftest import PROJECT, Stores
from tests.unit.jobs.test_running import run
from vectune.jobs.refusals import Refused


def test_adapter_that_pauses_goes_on_to_the_same_end(stores: Stores) -> None:
    """A paused job keeps its checkpoint, and goes on to the map and the numbers of one that nobody paused. What it goes
    on from is no model: neither job has models from its middle."""
    settings = {"method": "adapter", "n_epochs": 500, "patience": 1000}
    whole, job = (stores.job(overlapping_pairs(60), **settings) for _ in range(2))
    assert run(stores).status == "succeeded"
    work = stores.home / "jobs" / job.id / ".run.partial"

    def pausing() -> bool:
        log = work / "metrics.jsonl"
        if log.is_file() and log.read_bytes().count(b'"train"') >= 20:
            with suppress(Refused):  # it is asked again until it has heard of it
                stores.jobs.pause(PROJECT, job.id)
        return False

    assert run(stores, pausing).status == "paused"
    assert any(work.glob("checkpoints/step-*"))
    stores.jobs.resume(PROJECT, job.id)
    done = run(stores)
    assert done.status == "succeeded"
    undisturbed = stores.jobs.get(PROJECT, whole.id)
    tables, maps = (
        [read(one) for one in (undisturbed, done)]
        for read in (
            lambda one: b"".join(stores.files.chunks(PROJECT, one.result_files[0])),
            lambda one: Path(stores.models.resolve(PROJECT, one.id), "adapter.safetensors").read_bytes(),
        )
    )
    assert tables[0] == tables[1]
    assert maps[0] == maps[1]
    assert len(stores.keys(job.id)) == len(set(stores.keys(job.id)))
    assert [stores.jobs.checkpoints(PROJECT, name).data for name in (whole.id, job.id)] == [(), ()]
