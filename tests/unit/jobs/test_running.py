"""One job from the lease to its end, in this process."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.word_rows import Row, labelled_texts, overlapping_pairs, scored_pairs, triplets
from tests.unit.jobs.conftest import ALIAS, PROJECT, Stores
from vectune.config.jobs import JobsConfig
from vectune.config.remote import RemoteConfig
from vectune.encode.loading import load_encoder
from vectune.errors import NotFound
from vectune.jobs.hyperparameters import check
from vectune.jobs.job import CANCELLED, Job, NewJob
from vectune.jobs.leases import Leases
from vectune.jobs.refusals import DatabaseAway, Refused
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


def run(
    stores: Stores, ending: Callable[[], bool] = lambda: False, config: JobsConfig = QUICK, leases: Leases | None = None
) -> Job:
    """Take the next job and run it; how it stands afterwards."""
    leases = leases or stores.leases()
    job = leases.take()
    assert job is not None
    run_job(job, Workshop(stores.home, stores.files, leases, config, ending, never))
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


def _one(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


NUM_ROWS = 24
_PAIRS = [(str(row["query"]), str(row["positive"])) for row in overlapping_pairs(NUM_ROWS)]
_TRIPLES = [(str(row["query"]), str(row["positive"]), str(row["negative"])) for row in triplets(NUM_ROWS)]
_LABELLED = labelled_texts(NUM_ROWS)
_SCORED = scored_pairs(NUM_ROWS)
SHAPES: list[tuple[str, list[Row]]] = [
    ("pairs", [{"question": q, "answer": p} for q, p in _PAIRS]),
    ("legacy", [{"prompt": q, "completion": f" {p}"} for q, p in _PAIRS]),
    ("chat", [{"messages": [*_one(q), {"role": "assistant", "content": p}]} for q, p in _PAIRS]),
    ("triplets", [{"anchor": q, "positive": p, "negative": n} for q, p, n in _TRIPLES]),
    ("triplets", [{"query": q, "positive": p, "negative": n, "margin": 2.5} for q, p, n in _TRIPLES]),
    ("lists", [{"query": q, "positives": [p, f"{p} red1"], "negatives": [n]} for q, p, n in _TRIPLES]),
    ("lists", [{"anchor": q, "positive": p, "negative_1": n, "negative_2": f"{n} red1"} for q, p, n in _TRIPLES]),
    ("lists", [{"query": q, "positive_passages": [{"docid": "1", "title": "", "text": p}],
                "negative_passages": [{"docid": "2", "title": "", "text": n}]} for q, p, n in _TRIPLES]),
    ("nvidia", [{"query": q, "pos_doc": p, "neg_doc": [n]} for q, p, n in _TRIPLES]),
    ("flagembedding", [{"query": q, "pos": [p], "neg": [n], "pos_scores": [0.9], "neg_scores": [0.1]}
                       for q, p, n in _TRIPLES]),
    ("ms-swift", [{"messages": _one(q), "positive_messages": [_one(p)], "negative_messages": [_one(n)]}
                  for q, p, n in _TRIPLES]),
    ("ms-swift", [{"query": row["sentence1"], "response": row["sentence2"], "label": row["score"]} for row in _SCORED]),
    ("scored pairs", _SCORED),
    ("scored pairs", [{"text1": row["sentence1"], "text2": row["sentence2"], "label": int(row["score"] > 0.5)}
                      for row in _SCORED]),
    ("labelled texts", _LABELLED),
    ("labelled texts", [{"text": row["text"], "metadata": {"label": row["label"]}} for row in _LABELLED]),
    ("labelled texts", [{"input": row["text"], "label": len(row["label"]) + place % 2}
                        for place, row in enumerate(_LABELLED)]),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "rows"), SHAPES, ids=[f"{shape}: {', '.join(rows[0])}" for shape, rows in SHAPES])
def test_rows_of_every_shape_are_tuned_on(stores: Stores, shape: str, rows: list[Row]) -> None:
    """Each shape that a JSONL file may have goes from the upload to a model that answers."""
    file = stores.upload(rows)
    assert stores.files.validate(file.id).status == "processed"
    job = stores.jobs.create(PROJECT, NewJob(ALIAS, file.id, hyperparameters=check({"n_epochs": 1}))).id
    done = run(stores)
    assert (done.status, done.error) == ("succeeded", None)
    read = dict(stores.leases().known_events(job)["data"] or {})
    assert (read["shape"], read["rows_read"]) == (shape, NUM_ROWS)
    assert Path(stores.models.resolve(PROJECT, job), "modules.json").is_file()


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
    assert run(stores, ending=lambda: True).status == "validating_files"
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
            with suppress(Refused):  # training and the watch beside it both ask, and one of them was first
                stores.jobs.cancel(PROJECT, job.id)
        return False

    run_job(taken, Workshop(stores.home, stores.files, leases, QUICK, cancelling, never))
    assert stores.jobs.get(PROJECT, job.id).status == "cancelled"
    assert not folder.exists()


def test_job_cancelled_while_its_worker_ends_leaves_nothing(stores: Stores) -> None:
    """A worker that ends may not have heard yet that its job was cancelled: nobody else would remove what is there."""
    job = stores.job(overlapping_pairs(60), n_epochs=50)
    folder = stores.home / "jobs" / job.id

    def ending() -> bool:
        if not any(folder.rglob("checkpoints/step-*")):
            return False
        stores.jobs.cancel(PROJECT, job.id)
        return True

    assert run(stores, ending=ending, config=QUICK.model_copy(update={"poll_seconds": 60.0})).status == "cancelled"
    assert not folder.exists()


def test_worker_that_ends_without_its_database_ends(stores: Stores) -> None:
    """A job is given back as it was heard of last when the database does not say how it stands now."""

    class Away(Leases):
        beats = 0

        def heartbeat(self, job: str) -> str:
            self.beats += 1
            if self.beats > 1:
                raise DatabaseAway("The database is away.")
            return super().heartbeat(job)

    job = stores.job(FOUR)
    leases = Away(stores.database, "away")
    config = QUICK.model_copy(update={"poll_seconds": 60.0})
    assert run(stores, ending=lambda: True, leases=leases, config=config).status == "validating_files"
    assert leases.beats == 2
    assert run(stores).id == job.id


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


def after_a_checkpoint(stores: Stores, job: str) -> Callable[[], bool]:
    """Says that the worker is to end as soon as the job has a checkpoint."""
    return lambda: any((stores.home / "jobs" / job).rglob("checkpoints/step-*"))


def steps_of(stores: Stores, job: str) -> list[str]:
    """What was said of each step of training."""
    events = stores.jobs.events_since(PROJECT, job, 0)
    return [event.message for event in events if "training loss" in event.message]


def test_job_goes_on_with_the_settings_it_began_with(stores: Stores) -> None:
    """The operator's settings may change between two workers; what was trained under the old ones is not lost."""
    job = stores.job(overlapping_pairs(60), n_epochs=8, patience=100)
    run(stores, after_a_checkpoint(stores, job.id), QUICK.model_copy(update={"checkpoint_steps": 3}))
    done = run(stores, config=QUICK.model_copy(update={"checkpoint_steps": 50, "threads": 2}))
    assert done.status == "succeeded"
    said = [event.message for event in stores.jobs.events_since(PROJECT, job.id, 0)]
    assert not [message for message in said if "begins anew" in message]
    assert steps_of(stores, job.id) == list(dict.fromkeys(steps_of(stores, job.id)))


def test_work_of_another_version_is_done_anew(stores: Stores) -> None:
    """A checkpoint of other settings of training can't be gone on with: the job says so, begins anew and succeeds."""
    job = stores.job(overlapping_pairs(60), n_epochs=8, patience=100)
    run(stores, after_a_checkpoint(stores, job.id), QUICK.model_copy(update={"checkpoint_steps": 3}))
    file = stores.home / "jobs" / job.id / ".run.partial" / "config.toml"
    file.write_text(file.read_text().replace("checkpoint_steps = 3", "checkpoint_steps = 4"))
    assert run(stores).status == "succeeded"
    said = [event.message for event in stores.jobs.events_since(PROJECT, job.id, 0)]
    assert len([message for message in said if "begins anew" in message]) == 1
    assert len(steps_of(stores, job.id)) == len(set(steps_of(stores, job.id)))


def test_quick_job_tells_its_last_step(stores: Stores) -> None:
    """A job that is over before its watch looks again tells every step and evaluation all the same."""
    job = stores.job(overlapping_pairs(60), n_epochs=2, patience=100)
    assert run(stores, config=QUICK.model_copy(update={"poll_seconds": 600.0})).status == "succeeded"
    last = steps_of(stores, job.id)[-1].split()[1].split("/")
    assert last[0] == last[1].rstrip(":")
    assert f"evaluation {last[0]}" in stores.keys(job.id)


def test_lora_has_models_from_its_middle(stores: Stores) -> None:
    """Each is a whole model that loads without peft, and its updates are in its weights."""
    job = stores.job(overlapping_pairs(60), n_epochs=2, method="lora", learning_rate=0.1)
    assert run(stores).status == "succeeded"
    newest, *_ = stores.jobs.checkpoints(PROJECT, job.id).data
    folder = stores.models.resolve(PROJECT, newest.model_name)
    assert not list(Path(folder).rglob("adapter_*"))
    texts = ["red1 red2", "cat1"]
    moved = load_encoder(str(folder)).encode(texts) - load_encoder(job.base).encode(texts)
    assert abs(moved).max() > 1e-4


def test_file_that_expires_is_held_for_its_job(stores: Stores) -> None:
    """A file may expire while its job waits or is at work: the job was accepted with it, and has it to its end."""
    train, dev = stores.upload(overlapping_pairs(60)), stores.upload(overlapping_pairs(30))
    job = stores.jobs.create(PROJECT, NewJob(ALIAS, train.id, dev.id, check({"n_epochs": 1})))
    with stores.database.session() as connection:
        connection.exec_driver_sql(f"UPDATE files SET expires_at = {int(time.time()) - 5}")
    assert run(stores).status == "succeeded"
    assert stores.jobs.get(PROJECT, job.id).validation_file == dev.id
    with pytest.raises(NotFound):  # for everybody else it is gone
        stores.files.get(PROJECT, dev.id)


def test_file_that_is_gone_is_named(stores: Stores) -> None:
    """The row is not there, though nothing of ours removes it: the error names the file and its parameter."""
    train, dev = stores.upload(overlapping_pairs(30)), stores.upload(overlapping_pairs(10))
    job = stores.jobs.create(PROJECT, NewJob(ALIAS, train.id, dev.id, check({})))
    with stores.database.session() as connection:
        connection.exec_driver_sql(f"DELETE FROM files WHERE id = '{dev.id}'")
    error = dict(run(stores).error or {})
    assert (error["code"], error["param"]) == ("invalid_training_file", "validation_file")
    assert dev.id in error["message"]
    assert not (stores.home / "jobs" / job.id).exists()


def test_content_that_is_gone_is_told(stores: Stores) -> None:
    """Bytes that somebody removed from the server's disk: the file is named as its owner knows it."""
    stores.job(overlapping_pairs(30))
    shutil.rmtree(stores.home / "files")
    error = dict(run(stores).error or {})
    assert error["param"] == "training_file"
    assert "gone" in error["message"]


def test_base_that_vanished_is_called_by_its_name(stores: Stores, tmp_path: Path, tiny_model_folder: Path) -> None:
    """The folder of the base was removed after the job was made: the error names the model, not the folder."""
    base = shutil.copytree(tiny_model_folder, tmp_path / "secret" / "base")
    job = stores.job(overlapping_pairs(30))
    with stores.database.session() as connection:
        connection.exec_driver_sql(f"UPDATE jobs SET base = '{base}' WHERE id = '{job.id}'")
    shutil.rmtree(base)
    error = dict(run(stores).error or {})
    assert (error["code"], error["param"]) == ("invalid_model", "model")
    assert ALIAS in error["message"]
    assert "secret" not in error["message"]


@pytest.mark.parametrize(
    ("settings", "says"), [({"batch_size": 8, "evals_per_epoch": 1}, "these rows"), ({"batch_size": 64}, "not finite")]
)
def test_weights_that_are_blown_up_end_the_job(stores: Stores, settings: dict[str, int], says: str) -> None:
    """A learning rate far too high: the error has the step, the rows where it was a batch's loss, and what to lower."""
    stores.job(overlapping_pairs(60), n_epochs=5, learning_rate=1e30, **settings)
    error = dict(run(stores).error or {})
    assert error["code"] == "training_failed"
    assert says in error["message"]
    assert "step" in error["message"]
    assert "learning_rate_multiplier" in error["message"]


def test_database_that_is_away_ends_no_job(stores: Stores) -> None:
    """A worker that the database does not answer leaves the job as it is; the next one brings it to its end."""

    class Away(Leases):
        def begin(self, job: str) -> None:
            raise DatabaseAway("The database is away.")

    job = stores.job(FOUR)
    left = run(stores, leases=Away(stores.database, "away"))
    assert (left.status, left.error) == ("queued", None)
    stores.leases("away").release_all()
    assert run(stores).status == "succeeded"
    assert len(stores.keys(job.id)) == len(set(stores.keys(job.id)))


def test_job_cancelled_at_its_very_end_leaves_nothing(stores: Stores) -> None:
    """Cancelled after training, when results and model are in place: both are removed again."""

    class Late(Leases):
        def succeed(self, job: str, outcome: Any) -> None:
            stores.jobs.cancel(PROJECT, job)
            super().succeed(job, outcome)

    job = stores.job(FOUR)
    assert run(stores, leases=Late(stores.database, "worker")).status == CANCELLED
    assert stores.files.list(PROJECT, purpose="fine-tune-results").data == ()
    assert not (stores.home / "jobs" / job.id).exists()
    assert not (stores.home / "models" / job.id).exists()


def test_results_name_no_path_of_the_server(stores: Stores) -> None:
    """Verdict and report call files and models by the names that their owner gave them."""
    stores.job(FOUR)
    done = run(stores)
    for name in done.result_files:
        content = b"".join(stores.files.chunks(PROJECT, name)).decode()
        assert str(stores.home) not in content
        assert done.base not in content


def test_remote_base_is_asked_as_the_operator_says(stores: Stores) -> None:
    """A job on a remote model is told where it is; others have nothing to do with it."""
    config = QUICK.model_copy(update={"remote": RemoteConfig(base_url="http://models/v1", key_variable="K")})
    job = stores.job(method="adapter")
    found = tune_config(replace(job, base="openai:small"), config, {"train": Path("a.jsonl")}, Path("out"))
    assert (found.base, found.remote) == ("openai:small", config.remote)
    assert tune_config(job, config, {"train": Path("a.jsonl")}, Path("out")).remote == RemoteConfig()
