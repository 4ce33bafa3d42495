"""When a job goes from `validating_files` to the queue."""

from __future__ import annotations

import threading

import pytest

from tests.unit.jobs.conftest import ALIAS, PROJECT, Stores
from vectune.jobs.job import NewJob

KEYS = ["created", "alias", "validating training", "validating validation", "validated"]


def test_job_on_files_that_were_read_is_queued_at_once(stores: Stores) -> None:
    """It has nothing to wait for but a worker, and its events are those of a job whose files had to be read first."""
    file = stores.upload().id
    assert stores.files.validate(file).status == "processed"
    job = stores.jobs.create(PROJECT, NewJob(ALIAS, file, file))
    assert job.status == "queued"
    assert stores.keys(job.id) == KEYS
    taken = stores.leases().take()
    assert taken is not None
    stores.leases().begin(job.id)
    assert stores.jobs.get(PROJECT, job.id).status == "running"
    assert stores.keys(job.id) == [*KEYS, "started"]


def test_job_is_queued_when_its_last_file_was_read(stores: Stores) -> None:
    """However long no worker is free: reading the files is enough; one of two is not."""
    train, dev, other = (stores.upload().id for _ in range(3))
    job = stores.jobs.create(PROJECT, NewJob(ALIAS, train, dev)).id
    waiting = stores.jobs.create(PROJECT, NewJob(ALIAS, train, other)).id
    stores.files.validate(train)
    assert stores.jobs.get(PROJECT, job).status == "validating_files"
    stores.files.validate(dev)
    assert stores.jobs.get(PROJECT, job).status == "queued"
    assert stores.keys(job) == KEYS
    assert stores.jobs.get(PROJECT, waiting).status == "validating_files"


def test_file_that_can_not_be_used_queues_nothing(stores: Stores) -> None:
    """The job stays where it is until a worker says why it fails."""
    file = stores.files.create(PROJECT, "a.jsonl", "fine-tune", iter([b"no rows\n"])).id
    job = stores.jobs.create(PROJECT, NewJob(ALIAS, file)).id
    assert stores.files.validate(file).status == "error"
    assert stores.jobs.get(PROJECT, job).status == "validating_files"
    assert stores.jobs.create(PROJECT, NewJob(ALIAS, file)).status == "validating_files"


@pytest.mark.parametrize("turn", ["pause", "cancel"])
def test_job_that_was_stopped_meanwhile_stays_so(stores: Stores, turn: str) -> None:
    """Files that are read later do not put it back."""
    file = stores.upload().id
    job = stores.jobs.create(PROJECT, NewJob(ALIAS, file)).id
    stopped = getattr(stores.jobs, turn)(PROJECT, job).status
    stores.files.validate(file)
    assert stores.jobs.get(PROJECT, job).status == stopped


@pytest.mark.parametrize("reader", ["server", "worker"])
def test_job_whose_files_were_read_goes_on_in_the_queue(stores: Stores, reader: str) -> None:
    """One that was paused is queued when it is resumed, whether the server read its files meanwhile or a worker had
    begun with it; that the files were validated is told once."""
    job = stores.job()
    leases = stores.leases()
    if reader == "worker":
        leases.take()
        leases.begin(job.id)
    stores.jobs.pause(PROJECT, job.id)
    leases.let_go(job.id)
    if reader == "server":
        stores.files.validate(job.training_file)
    assert stores.jobs.get(PROJECT, job.id).status == "paused"
    assert stores.jobs.resume(PROJECT, job.id).status == "queued"
    assert stores.keys(job.id).count("validated") == 1
    heir = stores.leases("heir")
    assert heir.take() is not None
    heir.begin(job.id)
    assert stores.jobs.get(PROJECT, job.id).status == "running"


def test_resumed_job_waits_for_the_file_that_is_not_read_yet(stores: Stores) -> None:
    """One file of two is not enough, nor is a file that can't be used; reading the last one queues the job."""
    train, dev = stores.upload().id, stores.upload().id
    bad = stores.files.create(PROJECT, "a.jsonl", "fine-tune", iter([b"no rows\n"])).id
    job, other = (stores.jobs.create(PROJECT, NewJob(ALIAS, train, name)).id for name in (dev, bad))
    for name in (job, other):
        stores.jobs.pause(PROJECT, name)
    for name in (train, bad):
        stores.files.validate(name)
    assert [stores.jobs.resume(PROJECT, name).status for name in (job, other)] == ["validating_files"] * 2
    stores.files.validate(dev)
    assert [stores.jobs.get(PROJECT, name).status for name in (job, other)] == ["queued", "validating_files"]


def test_two_files_read_at_the_same_time(stores: Stores) -> None:
    """Whoever is done last queues the job, though neither knew of the other."""
    for _ in range(5):
        train, dev = stores.upload().id, stores.upload().id
        job = stores.jobs.create(PROJECT, NewJob(ALIAS, train, dev)).id
        threads = [threading.Thread(target=stores.files.validate, args=(name,)) for name in (train, dev)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert stores.jobs.get(PROJECT, job).status == "queued"
        assert stores.keys(job) == KEYS
