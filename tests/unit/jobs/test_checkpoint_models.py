"""Models from the middle of a job."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.jobs.conftest import PROJECT, Stores
from vectune.encode.loading import load_encoder
from vectune.errors import NotFound
from vectune.jobs.checkpoint_models import CheckpointModels
from vectune.jobs.job import Job, NewJob
from vectune.jobs.models import base_place
from vectune.jobs.standing import Standing
from vectune.records import Role
from vectune.serve.matryoshka import trained_dims

OF_TEXT = (
    "train_mean_token_accuracy", "valid_loss", "valid_mean_token_accuracy", "full_valid_loss",
    "full_valid_mean_token_accuracy",
)  # fmt: skip
"""What the reference measures of models that write text: clients find the keys, and no number."""


def begun(stores: Stores, most: int, **settings: object) -> tuple[Job, CheckpointModels]:
    """A job that a worker has begun, and what keeps `most` of its models."""
    job = stores.job(**settings)
    leases = stores.leases()
    leases.take()
    leases.begin(job.id)
    return job, CheckpointModels(job, stores.home, leases, Standing(loss=0.5), most)


def evaluation(step: int) -> dict[str, object]:
    """What is told of an evaluation."""
    measures = {"ndcg@10": 0.25, "recall@10": 0.5}
    return {
        "measure": "ndcg@10", "measures": measures, "step": step, "epoch": step / 10, "score": 0.25, "best": True
    }  # fmt: skip


def test_newest_are_kept_and_embed(stores: Stores, tiny_model_folder: Path) -> None:
    """Each evaluation leaves a model with its metrics; the oldest go; a step that comes again changes nothing."""
    job, keep = begun(stores, 2)
    encoder = load_encoder(str(tiny_model_folder))
    modules = len(encoder.model)
    for step in (5, 10, 15, 15):
        keep(encoder, evaluation(step))
    assert len(encoder.model) == modules
    newest, oldest = stores.jobs.checkpoints(PROJECT, job.id).data
    assert (newest.step_number, oldest.step_number) == (15, 10)
    measured = {"step": 15, "train_loss": 0.5, "epoch": 1.5, "ndcg_at_10": 0.25, "recall_at_10": 0.5}
    assert newest.metrics == measured | dict.fromkeys(OF_TEXT)
    saved = load_encoder(str(stores.models.resolve(PROJECT, newest.model_name)))
    texts = ["red1 red2", "cat1"]
    np.testing.assert_allclose(saved.encode(texts, Role.QUERY), encoder.encode(texts, Role.QUERY), atol=1e-6)
    with pytest.raises(NotFound):
        stores.models.resolve(PROJECT, f"{job.id}:ckpt-step-5")
    assert {path.name for path in (stores.home / "models").iterdir()} == {f"{job.id}-step-{step}" for step in (10, 15)}
    assert [key for key in stores.keys(job.id) if key.startswith("checkpoint")] == [
        "checkpoint 5", "checkpoint 10", "checkpoint 15"
    ]  # fmt: skip


def test_base_of_another_job_stays_until_that_is_over(stores: Stores, tiny_model_folder: Path) -> None:
    """A model that a waiting job starts from is passed over, row and folder, however many newer ones there are; the
    next look after that job's end removes it."""
    job, keep = begun(stores, 1)
    encoder = load_encoder(str(tiny_model_folder))
    keep(encoder, evaluation(5))
    other = stores.jobs.create(PROJECT, NewJob(f"{job.id}:ckpt-step-5", stores.upload().id))
    for step in (10, 15):
        keep(encoder, evaluation(step))
    assert [point.step_number for point in stores.jobs.checkpoints(PROJECT, job.id).data] == [15, 5]
    assert stores.models.resolve(PROJECT, other.model) == stores.home / "models" / f"{job.id}-step-5"
    assert load_encoder(base_place(other.base, stores.home)).dim == encoder.dim
    stores.jobs.cancel(PROJECT, other.id)
    keep.prune()
    assert {path.name for path in (stores.home / "models").iterdir()} == {f"{job.id}-step-15"}
    assert [point.step_number for point in stores.jobs.checkpoints(PROJECT, job.id).data] == [15]


@pytest.mark.parametrize(("settings", "dims"), [({"dimensions": [8, 16]}, (32, 16, 8)), ({}, (32,))])
def test_sizes_that_were_trained_are_known(
    stores: Stores, tiny_model_folder: Path, settings: dict[str, object], dims: tuple[int, ...]
) -> None:
    """A model from the middle says what it was trained for, as the tuned one does, in its folder and by its name."""
    job, keep = begun(stores, 1, **settings)
    keep(load_encoder(str(tiny_model_folder)), evaluation(5))
    name = f"{job.id}:ckpt-step-5"
    assert stores.models.get(PROJECT, name).dims == dims
    assert trained_dims(Path(stores.models.resolve(PROJECT, name))) == frozenset(dims)
