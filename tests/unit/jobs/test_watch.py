"""The thread beside a job."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.unit.jobs.conftest import PROJECT, Stores
from vectune.jobs.leases import Leases
from vectune.jobs.run_events import RunEvents
from vectune.jobs.watch import ENDING, LOST, Watch


def watch(stores: Stores, leases: Leases, job: str, called: list[str], late: threading.Event | None = None) -> Watch:
    """A watch over the job that looks ten times a second and has almost no patience."""

    def deadline(wanted: str) -> None:
        called.append(wanted)
        (late or threading.Event()).set()

    told = RunEvents(Path(stores.home / "none"), "x", {})
    return Watch(job, leases, told, {"/srv/a": "a.jsonl"}, 0.02, 0.05, deadline)


def at_work(stores: Stores) -> tuple[str, Leases]:
    job, leases = stores.job().id, stores.leases()
    leases.take()
    leases.begin(job)
    return job, leases


def test_notes_become_events_in_the_owners_words(stores: Stores) -> None:
    """A note is an event with the owner's names for files; the same note is told once."""
    job, leases = at_work(stores)
    found = watch(stores, leases, job, [])
    found.start()
    for _ in range(2):
        found.standing.note("read /srv/a twice")
    found.finish()
    said = [event.message for event in stores.jobs.events_since(PROJECT, job, 0)]
    assert said.count("Read a.jsonl twice.") == 1


def test_cancelled_work_is_ended_when_it_does_not_stop(stores: Stores) -> None:
    """The work hears that it must stop; when it goes on all the same, the deadline is called."""
    job, leases = at_work(stores)
    called: list[str] = []
    late = threading.Event()
    found = watch(stores, leases, job, called, late)
    found.start()
    assert not found.stop()
    stores.jobs.cancel(PROJECT, job)
    assert late.wait(10)
    assert found.stop()
    assert called == ["cancelled"]
    found.close()


def test_lost_lease_stops_the_work(stores: Stores) -> None:
    """When the job is another worker's, the work must stop."""
    job, leases = at_work(stores)
    stores.leases("worker").release_all()
    stores.leases("other").take()
    found = watch(stores, leases, job, [])
    found.start()
    assert found.stop()
    assert found.wanted == LOST
    found.close()


def test_end_of_the_worker_stops_the_work(stores: Stores) -> None:
    """A worker that is to end stops its job, which is not over."""
    job, leases = at_work(stores)
    found = watch(stores, leases, job, [])
    found.ending = lambda: True
    found.start()
    assert found.stop()
    assert found.wanted == ENDING
    found.close()
