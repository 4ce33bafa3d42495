"""Jobs as clients see them."""

from __future__ import annotations

import pytest

from tests.unit.jobs.conftest import ALIAS, PROJECT, Stores
from vectune.errors import NotFound
from vectune.jobs.hyperparameters import check
from vectune.jobs.job import NewJob
from vectune.jobs.jobs import JobStore
from vectune.jobs.models import ModelRegistry
from vectune.jobs.refusals import BadParameter, FileUnknown, Refused


def test_new_job_waits_with_its_events(stores: Stores) -> None:
    """A new job is to be validated; its events say that it was made, and what the alias stands for, without a path."""
    job = stores.job()
    assert (job.status, job.model, job.fine_tuned_model, job.error) == ("validating_files", ALIAS, None, None)
    assert job.id.startswith("ftjob-")
    newest, oldest = stores.jobs.events(PROJECT, job.id).data
    assert oldest.message == f"Created fine-tuning job: {job.id}"
    assert newest.message.startswith(f"{ALIAS} stands for model on this server")


def test_kind_decides_the_prefix(stores: Stores) -> None:
    """Jobs of the older interface are called ft-, and can be listed alone."""
    stores.job()
    job = stores.jobs.create(PROJECT, NewJob(ALIAS, stores.upload().id, kind="fine-tune"))
    assert job.id.startswith("ft-")
    assert [found.id for found in stores.jobs.list(PROJECT, kind="fine-tune").data] == [job.id]


def test_unknown_model_and_files_are_refused(stores: Stores) -> None:
    """A model that is not offered, a path among them, and a file that is not there or not for tuning make no job."""
    file = stores.upload().id
    for model in ("gpt-4", str(stores.models.resolve(PROJECT, ALIAS)), "../x"):
        with pytest.raises(NotFound):
            stores.jobs.create(PROJECT, NewJob(model, file))
    other = stores.files.create(PROJECT, "x", "user_data", iter([b""])).id
    for param, new, kind in (
        ("training_file", NewJob(ALIAS, "file-none"), FileUnknown),
        ("validation_file", NewJob(ALIAS, file, "file-none"), FileUnknown),
        ("training_file", NewJob(ALIAS, other), BadParameter),
        ("validation_file", NewJob(ALIAS, file, other), BadParameter),
    ):
        with pytest.raises(kind) as refused:
            stores.jobs.create(PROJECT, new)
        assert refused.value.param == param  # type: ignore[attr-defined]
    assert stores.jobs.list(PROJECT).data == ()


def test_jobs_of_others_do_not_exist(stores: Stores) -> None:
    """Another project can't see, stop or read a job, nor tune with a file that is not its own."""
    job = stores.job()
    assert stores.jobs.list("other").data == ()
    for ask in (stores.jobs.get, stores.jobs.cancel, stores.jobs.pause, stores.jobs.events, stores.jobs.checkpoints):
        with pytest.raises(NotFound):
            ask("other", job.id)
    with pytest.raises(FileUnknown):
        stores.jobs.create("other", NewJob(ALIAS, job.training_file))


def test_list_goes_on_where_it_ended(stores: Stores) -> None:
    """Jobs come newest first, page by page."""
    made = [stores.job().id for _ in range(3)]
    first = stores.jobs.list(PROJECT, limit=2)
    rest = stores.jobs.list(PROJECT, limit=2, after=first.data[-1].id)
    assert [job.id for job in (*first.data, *rest.data)] == made[::-1]
    assert (first.has_more, rest.has_more) == (True, False)


def test_list_by_metadata(stores: Stores) -> None:
    """Jobs are found by all of the given metadata, whatever its keys hold, or by having none."""
    file = stores.upload().id
    tagged = stores.jobs.create(PROJECT, NewJob(ALIAS, file, metadata={"team": "a", 'o"dd.$': "b"}))
    plain = stores.jobs.create(PROJECT, NewJob(ALIAS, file))
    assert [job.id for job in stores.jobs.list(PROJECT, metadata={'o"dd.$': "b"}).data] == [tagged.id]
    assert stores.jobs.list(PROJECT, metadata={"team": "a", "x": "y"}).data == ()
    assert [job.id for job in stores.jobs.list(PROJECT, without_metadata=True).data] == [plain.id]


def test_rare_metadata_is_found_far_back(stores: Stores) -> None:
    """Jobs are looked through some at a time, to the oldest."""
    file = stores.upload().id
    oldest = [stores.jobs.create(PROJECT, NewJob(ALIAS, file, metadata={"team": "a"})).id for _ in range(2)]
    for _ in range(201):
        stores.jobs.create(PROJECT, NewJob(ALIAS, file, metadata={"team": "b"}))
    found = stores.jobs.list(PROJECT, metadata={"team": "a"}, limit=1)
    assert ([job.id for job in found.data], found.has_more) == ([oldest[1]], True)
    rest = stores.jobs.list(PROJECT, metadata={"team": "a"}, after=oldest[1])
    assert ([job.id for job in rest.data], rest.has_more) == ([oldest[0]], False)


def test_waiting_job_pauses_and_goes_on(stores: Stores) -> None:
    """A job that waits is paused at once; resumed it waits where it did before; each turn is an event."""
    job = stores.job()
    for waiting in ("validating_files", "queued"):
        assert stores.jobs.pause(PROJECT, job.id).status == "paused"
        assert stores.leases().take() is None
        assert stores.jobs.resume(PROJECT, job.id).status == waiting
        stores.files.validate(job.training_file)
    assert [key.split()[0] for key in stores.keys(job.id)] == [
        "created", "alias", "paused", "validating_files", "validating", "validated", "paused", "queued"
    ]  # fmt: skip


def test_running_job_is_asked_to_pause(stores: Stores) -> None:
    """A job at work is pausing until its worker gives it back."""
    job = stores.job().id
    leases = stores.leases()
    leases.take()
    leases.begin(job)
    assert stores.jobs.pause(PROJECT, job).status == "pausing"
    leases.let_go(job)
    assert stores.jobs.get(PROJECT, job).status == "paused"


def test_edges_that_are_not_allowed_are_refused(stores: Stores) -> None:
    """What is over can't be cancelled, paused or resumed; what waits can't be resumed."""
    job = stores.job().id
    with pytest.raises(Refused):
        stores.jobs.resume(PROJECT, job)
    done = stores.jobs.cancel(PROJECT, job)
    assert (done.status, done.finished_at is not None) == ("cancelled", True)
    for turn in (stores.jobs.cancel, stores.jobs.pause, stores.jobs.resume):
        with pytest.raises(Refused) as refused:
            turn(PROJECT, job)
        assert "cancelled" in refused.value.message


def test_events_page_backwards(stores: Stores) -> None:
    """Events come newest first, page by page, and oldest first from a number on."""
    job = stores.job().id
    stores.jobs.cancel(PROJECT, job)
    first = stores.jobs.events(PROJECT, job, limit=2)
    rest = stores.jobs.events(PROJECT, job, limit=2, after=first.data[-1].id)
    assert [event.seq for event in (*first.data, *rest.data)] == [3, 2, 1]
    assert (first.has_more, rest.has_more) == (True, False)
    assert [event.seq for event in stores.jobs.events_since(PROJECT, job, 1)] == [2, 3]
    with pytest.raises(NotFound):
        stores.jobs.events(PROJECT, job, after="ftevent-none")


def test_job_on_a_remote_model_is_an_adapter(stores: Stores) -> None:
    """Behind an endpoint there are no weights: the method is the adapter, said in an event; others are refused."""
    models = ModelRegistry(stores.database, stores.home, aliases={ALIAS: "openai:small"})
    jobs = JobStore(stores.database, models)
    job = jobs.create(PROJECT, NewJob(ALIAS, stores.upload().id, hyperparameters=check({})))
    assert job.base == "openai:small"
    assert job.hyperparameters["method"] == "adapter"
    assert "map of query vectors" in jobs.events(PROJECT, job.id).data[0].message
    with pytest.raises(BadParameter, match="weights"):
        jobs.create(PROJECT, NewJob(ALIAS, stores.upload().id, hyperparameters=check({"method": "full"})))
