"""Events are written once, and their numbers have no gap."""

from __future__ import annotations

import threading

from tests.unit.jobs.conftest import PROJECT, Stores
from vectune.jobs.event_log import NewEvent, append


def test_key_is_written_once(stores: Stores) -> None:
    """The second event of a key changes nothing, whatever it says."""
    job = stores.job().id
    with stores.database.session() as connection:
        assert append(connection, job, NewEvent("k", "first", data={"step": 1}), 5.0)
        assert not append(connection, job, NewEvent("k", "second"), 6.0)
    (event,) = stores.jobs.events(PROJECT, job, limit=1).data
    assert (event.message, event.data, event.created_at) == ("first", {"step": 1}, 5)


def test_many_writers_leave_no_gap(stores: Stores) -> None:
    """Writers at the same time number their events one after another; each key is there once."""
    job = stores.job().id
    before = len(stores.keys(job))

    def write() -> None:
        for number in range(10):
            with stores.database.session() as connection:
                append(connection, job, NewEvent(f"k{number}", "said"), 0.0)

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [event.seq for event in stores.jobs.events_since(PROJECT, job, before)]
    assert found == list(range(before + 1, before + 11))
