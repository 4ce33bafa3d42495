"""One job from the lease to its end, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.word_rows import Row, labelled_texts, overlapping_pairs
from tests.unit.jobs.conftest import ALIAS, PROJECT, Stores
from vectune.config.jobs import JobsConfig
from vectune.jobs.hyperparameters import check
from vectune.jobs.job import Job, NewJob
from vectune.jobs.running import Workshop, run_job, tune_config
from vectune.jobs.watch import Deadline

QUICK = JobsConfig(threads=1, poll_seconds=0.05, general=False)
FOUR = [
    {"text": f"{words} red{number}", "metadata": {"label": label}}
    for number, (words, label) in enumerate([("cat1 cat2", "a"), ("cat3 dog4", "a"), ("sun1 sun2", "b"), ("sun3", "b")])
]


def never(job: Job) -> Deadline:
    def deadline(wanted: str) -> None:
        raise AssertionError(wanted)

    return deadline


def run(stores: Stores, ending: bool = False) -> Job:
    """Take the next job and run it; how it stands afterwards."""
    leases = stores.leases()
    job = leases.take()
    assert job is not None
    run_job(job, Workshop(stores.home, stores.files, leases, QUICK, lambda: ending, never))
    return stores.jobs.get(job.project, job.id)


def test_four_labelled_rows_go_to_the_end(stores: Stores) -> None:
    """Too few rows to judge by are warned of, not refused: the job succeeds and its verdict is undecided."""
    stores.job(FOUR, n_epochs=4, learning_rate_multiplier=0.1)
    done = run(stores)
    assert (done.status, done.error) == ("succeeded", None)
    assert (done.trained_tokens or 0) > 0
    events = stores.jobs.events_since(PROJECT, done.id, 0)
    warned = [event.message for event in events if event.level == "warn"]
    assert any("So few can hardly show a difference" in message for message in warned)
    assert any(message.startswith("Verdict: undecided.") for message in warned)
    assert events[-1].message == "The job has successfully completed"
    for name in (str(done.fine_tuned_model), done.id):
        assert Path(stores.models.resolve(PROJECT, name), "modules.json").is_file()


def test_validation_file_selects(stores: Stores) -> None:
    """The validation file is the data to select by; its rows are not trained on."""
    train, dev = stores.upload(overlapping_pairs(30)), stores.upload(overlapping_pairs(10, seed=1))
    stores.jobs.create(PROJECT, NewJob(ALIAS, train.id, dev.id, check({"n_epochs": 1}), suffix="mine", seed=7))
    done = run(stores)
    assert done.status == "succeeded"
    assert str(done.fine_tuned_model).split(":")[3] == "mine"
    (split,) = [event for event in stores.jobs.events_since(PROJECT, done.id, 0) if event.message.startswith("Split:")]
    assert dict(split.data or {})["dev"] == 10


@pytest.mark.parametrize(
    ("rows", "settings", "code", "says"),
    [
        ([{"text": "red1", "label": "a"}], {}, "invalid_training_file", "rows.jsonl"),
        (labelled_texts(40), {"dimensions": [4096]}, "invalid_hyperparameters", "4096"),
        (labelled_texts(40), {"loss": "cosent"}, "invalid_hyperparameters", "cosent"),
    ],
)
def test_failure_is_told_in_the_owners_words(
    stores: Stores, rows: list[Row], settings: dict[str, Any], code: str, says: str
) -> None:
    """A job that can't be done fails with a code and a sentence, and without a path of this machine."""
    stores.job(rows, **settings)
    failed = run(stores)
    error = dict(failed.error or {})
    assert (failed.status, error["code"]) == ("failed", code)
    assert says in error["message"]
    assert str(stores.home) not in error["message"]
    assert stores.jobs.events(PROJECT, failed.id).data[0].level == "error"


def test_worker_that_ends_gives_its_job_back(stores: Stores) -> None:
    """A worker that must end leaves its job to the next one, which finishes it without telling anything twice."""
    job = stores.job(FOUR)
    assert run(stores, ending=True).status == "validating_files"
    assert run(stores).status == "succeeded"
    keys = stores.keys(job.id)
    assert len(keys) == len(set(keys))


def test_cancelled_job_leaves_nothing(stores: Stores) -> None:
    """A job that is cancelled while its worker writes to it stays cancelled, and its folder is removed."""
    job = stores.job(overlapping_pairs(60), n_epochs=50)
    leases = stores.leases()
    taken = leases.take()
    assert taken is not None
    folder = stores.home / "jobs" / job.id

    def cancelling() -> bool:
        if any(folder.rglob("checkpoints/step-*")) and stores.jobs.get(PROJECT, job.id).status == "running":
            stores.jobs.cancel(PROJECT, job.id)
        return False

    run_job(taken, Workshop(stores.home, stores.files, leases, QUICK, cancelling, never))
    assert stores.jobs.get(PROJECT, job.id).status == "cancelled"
    assert not folder.exists()


def test_run_that_was_done_is_only_finished(stores: Stores) -> None:
    """A worker that died after the run and before the end of the job: the next one registers what is there."""
    job = stores.job(FOUR)
    done = run(stores)
    with stores.database.session() as connection:
        connection.exec_driver_sql("UPDATE jobs SET status = 'running', fine_tuned_model = NULL")
    again = run(stores)
    assert (again.status, again.fine_tuned_model) == ("succeeded", done.fine_tuned_model)
    assert len(stores.keys(job.id)) == len(set(stores.keys(job.id)))


def test_config_is_the_operators_and_the_jobs(stores: Stores) -> None:
    """Threads and checkpoints are the operator's; hyperparameters and the seed are the job's."""
    new = NewJob(ALIAS, stores.upload().id, hyperparameters=check({"n_epochs": 2, "method": "lora"}), seed=5)
    config = tune_config(stores.jobs.create(PROJECT, new), QUICK, {"train": Path("a.jsonl")}, Path("out"))
    train = config.train
    assert (train.threads, train.checkpoint_steps, train.epochs, train.method, train.seed) == (1, 25, 2.0, "lora", 5)
    assert (config.dev, config.evaluate.general) == (None, False)
