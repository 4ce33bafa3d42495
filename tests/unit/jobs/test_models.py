"""Names of models."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from tests.unit.jobs.conftest import ALIAS, PROJECT, Stores
from vectune.config.workflow import PACKAGED_MODEL
from vectune.errors import NotFound
from vectune.jobs.event_log import NewEvent
from vectune.jobs.job import NewJob
from vectune.jobs.leases import NewCheckpoint, Outcome
from vectune.jobs.models import ModelRegistry, base_place, model_name
from vectune.jobs.refusals import InUse, Refused
from vectune.jobs.schema import jobs

NAME = "ft:base:default::x"


def tuned(stores: Stores, name: str = NAME) -> tuple[str, Path]:
    """A job that succeeded, and the folder of its model."""
    job = stores.job().id
    folder = stores.home / "models" / job
    folder.mkdir(parents=True)
    leases = stores.leases()
    leases.take()
    leases.begin(job)
    leases.succeed(job, Outcome(name, f"models/{job}", (32, 16), None, (), ()))
    return job, folder


@pytest.mark.parametrize(
    ("model", "suffix", "expected"),
    [
        ("org/base", "my name:1/2", "ft:org/base:team:my-name-1-2:90123456"),
        ("text-embedding-3-small", None, "ft:text-embedding-3-small:team::90123456"),
        ("ft:base:team:first:abcd", "second", "ft:base:team:second:90123456"),
    ],
)
def test_name_of_a_tuned_model(model: str, suffix: str | None, expected: str) -> None:
    """Base, project, suffix and the end of the job's id; a tuned base gives its own base; nothing breaks the parts."""
    assert model_name(model, "team", suffix, "ftjob-1234567890123456") == expected


def test_bases_and_aliases_are_everyones(stores: Stores) -> None:
    """Bases and aliases are listed and found for each project."""
    assert [model.id for model in stores.models.list("any")] == [PACKAGED_MODEL, ALIAS]
    assert stores.models.resolve("any", PACKAGED_MODEL) == PACKAGED_MODEL
    assert stores.models.is_alias(ALIAS)
    assert not stores.models.is_alias(PACKAGED_MODEL)


def test_tuned_model_answers_to_name_and_job(stores: Stores) -> None:
    """A tuned model is found by its name and by its job's id, and listed for its project alone."""
    job, folder = tuned(stores)
    assert stores.models.resolve(PROJECT, NAME) == stores.models.resolve(PROJECT, job) == folder
    assert stores.models.list(PROJECT)[-1].id == NAME
    assert stores.models.get(PROJECT, job).dims == (32, 16)
    for ask in (stores.models.get, stores.models.resolve, stores.models.delete):
        with pytest.raises(NotFound):
            ask("other", NAME)


def test_tuned_model_can_be_tuned_again_and_is_kept_meanwhile(stores: Stores) -> None:
    """A job may start from a tuned model, which can't be deleted until the job is over."""
    _, folder = tuned(stores)
    job = stores.jobs.create(PROJECT, NewJob(NAME, stores.upload().id))
    assert base_place(job.base, stores.home) == str(folder)
    with pytest.raises(InUse):
        stores.models.delete(PROJECT, NAME)
    stores.jobs.cancel(PROJECT, job.id)
    stores.models.delete(PROJECT, NAME)
    assert not folder.exists()
    with pytest.raises(NotFound):
        stores.models.resolve(PROJECT, NAME)


def test_base_is_found_in_a_home_that_was_moved(stores: Stores, tmp_path: Path) -> None:
    """A job names a tuned model by its place in the home folder; of one that has a whole path, as older versions wrote
    it, the model is found and kept too."""
    _, folder = tuned(stores)
    job = stores.jobs.create(PROJECT, NewJob(NAME, stores.upload().id))
    assert str(stores.home) not in job.base
    assert base_place(job.base, tmp_path / "new") == str(tmp_path / "new" / "models" / folder.name)
    older = f"/gone/home/models/{folder.name}"
    assert base_place(older, stores.home) == str(folder)
    assert base_place(str(folder), tmp_path / "new") == str(folder)
    assert base_place("org/name", stores.home) == "org/name"
    with stores.database.session() as connection:
        connection.execute(update(jobs).values(base=older).where(jobs.c.id == job.id))
    with pytest.raises(InUse):
        stores.models.delete(PROJECT, NAME)


def test_checkpoints_go_with_their_models(stores: Stores) -> None:
    """What is deleted is not listed: a checkpoint alone, and all of them with the tuned model."""
    job = stores.job().id
    leases = stores.leases()
    leases.take()
    leases.begin(job)
    for step in (5, 10, 15):
        new = NewCheckpoint(step, {"step": step}, f"{NAME}:ckpt-step-{step}", f"models/{job}-step-{step}")
        leases.add_checkpoint(job, new, NewEvent(f"checkpoint {step}", "kept"))
    leases.succeed(job, Outcome(NAME, f"models/{job}", (32, 16), None, (), ()))
    other, _ = tuned(stores, "ft:other")
    stores.models.delete(PROJECT, f"{NAME}:ckpt-step-10")
    assert [point.step_number for point in stores.jobs.checkpoints(PROJECT, job).data] == [15, 5]
    for point in stores.jobs.checkpoints(PROJECT, job).data:
        assert stores.models.resolve(PROJECT, point.model_name)
    stores.models.delete(PROJECT, NAME)
    assert stores.jobs.checkpoints(PROJECT, job).data == ()
    assert stores.models.resolve(PROJECT, other)


def test_bases_stay(stores: Stores) -> None:
    """A base model can't be deleted."""
    with pytest.raises(Refused):
        stores.models.delete(PROJECT, ALIAS)


@pytest.mark.parametrize("step", ["", "x", "7", "-1", "99999999999999999999999999"])
def test_a_step_that_no_model_has_is_not_found(stores: Stores, step: str) -> None:
    """What is no step, or one that no column holds, is neither an error of the database nor the tuned model itself."""
    job, folder = tuned(stores)
    assert stores.models.resolve(PROJECT, job) == folder
    with pytest.raises(NotFound):
        stores.models.resolve(PROJECT, f"{job}:ckpt-step-{step}")


def test_place_is_known_for_a_moment(stores: Stores) -> None:
    """Bases are always known; a tuned model once it was asked for, for a second, by its project alone, until it is
    deleted."""
    clock = [100.0]
    models = ModelRegistry(stores.database, stores.home, clock=lambda: clock[0])
    assert models.known_place("any", PACKAGED_MODEL) == PACKAGED_MODEL
    _, folder = tuned(stores)
    assert models.known_place(PROJECT, NAME) is None
    models.resolve(PROJECT, NAME)
    assert models.known_place(PROJECT, NAME) == folder
    assert models.known_place("another", NAME) is None
    clock[0] += 1.5
    assert models.known_place(PROJECT, NAME) is None
    models.resolve(PROJECT, NAME)
    models.delete(PROJECT, NAME)
    assert models.known_place(PROJECT, NAME) is None
