"""What is cleared away, and what never is."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.fakes.word_rows import labelled_texts, overlapping_pairs
from tests.unit.jobs.conftest import ALIAS, PROJECT, Stores
from tests.unit.jobs.test_running import QUICK, never
from vectune.config.retention import RetentionConfig
from vectune.errors import NotFound
from vectune.jobs.event_log import NewEvent
from vectune.jobs.hyperparameters import check
from vectune.jobs.job import CANCELLED, FAILED, RUNNING, SUCCEEDED, Job, NewJob
from vectune.jobs.leases import NewCheckpoint
from vectune.jobs.retention import Retention
from vectune.jobs.running import Workshop, run_job
from vectune.jobs.schema import jobs, models

DAY = 86_400.0
HOUR = 3600.0
NOBODYS = "ftjob-" + "A" * 24


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs of other tests are not for these to clear."""
    monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path / "cache"))


def _retention(stores: Stores, later: float = 0.0, **settings: float) -> Retention:
    """Clearing up as it will be so many seconds from now."""
    config = RetentionConfig(**settings)  # type: ignore[arg-type]
    return Retention(stores.database, stores.home, str(stores.home / "files"), config, lambda: time.time() + later)


def _folder(stores: Stores, *parts: str) -> Path:
    folder = stores.home.joinpath(*parts)
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"12345")
    return folder


def _set(stores: Stores, job: Job, **values: object) -> None:
    with stores.database.session() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job.id).values(values))


def _over(stores: Stores, status: str) -> tuple[Job, Path]:
    """A job that is over since now, and its folder."""
    job = stores.job()
    _set(stores, job, status=status, finished_at=int(time.time()))
    return job, _folder(stores, "jobs", job.id)


def test_expired_file_goes_with_its_bytes(stores: Stores) -> None:
    """A file past its time has neither row nor bytes afterwards; others stay."""
    kept = stores.upload()
    old = stores.files.create(PROJECT, "a.jsonl", "fine-tune", iter([b"x" * 10]), expires_after=3600)
    assert _retention(stores).clear().gone == []
    done = _retention(stores, 2 * HOUR).clear()
    assert [(each.kind, each.name, each.bytes) for each in done.gone] == [("expired file", old.id, 10)]
    assert [file.name for file in (stores.home / "files" / PROJECT).iterdir()] == [f"{kept.id}.jsonl"]
    assert stores.files.get(PROJECT, kept.id)


def test_expired_file_of_a_job_waits_for_it(stores: Stores) -> None:
    """A file that a job needs is kept until the job is over."""
    old = stores.files.create(PROJECT, "a.jsonl", "fine-tune", iter([b"x"]), expires_after=3600)
    job = stores.jobs.create(PROJECT, NewJob(ALIAS, old.id, hyperparameters=check({})))
    assert _retention(stores, 2 * HOUR).clear().counts == {}
    stores.jobs.cancel(PROJECT, job.id)
    assert _retention(stores, 2 * HOUR).clear().counts == {"expired file": 1}


def test_results_are_kept_as_long_as_is_set(stores: Stores) -> None:
    """Without a setting results stay for ever; with one they go after so many days."""
    made = stores.files.put("file-" + "b" * 24, PROJECT, "report.html", "fine-tune-results", iter([b"x"]))
    assert _retention(stores, 1000 * DAY).clear().gone == []
    assert _retention(stores, 9 * DAY, result_days=10).clear().gone == []
    assert _retention(stores, 11 * DAY, result_days=10).clear().counts == {"result file": 1}
    with pytest.raises(NotFound):
        stores.files.get(PROJECT, made.id)


def test_bytes_that_nobody_knows(stores: Stores) -> None:
    """Bytes without a row and halves of uploads go once they are old; what is not named like ours never does."""
    stores.upload()
    folder = stores.home / "files" / PROJECT
    names = [f"file-{'c' * 24}.jsonl", f".file-{'d' * 24}.jsonl.partial", "notes.txt", "file-short.jsonl"]
    for name in names:
        (folder / name).write_bytes(b"123")
    assert _retention(stores).clear().gone == []
    done = _retention(stores, 2 * HOUR).clear()
    assert {each.name for each in done.gone} == {f"{PROJECT}/{name}" for name in names[:2]}
    assert done.bytes == 6
    assert all((folder / name).exists() for name in names[2:])
    assert done.missing == []


def test_wrong_database_removes_nothing(stores: Stores) -> None:
    """A database that knows less than lies there may be the wrong one: nothing goes unless it is forced."""
    stores.home.mkdir(exist_ok=True)
    _folder(stores, "models", NOBODYS)
    _folder(stores, "jobs", NOBODYS)
    (stores.home / "files" / PROJECT).mkdir(parents=True)
    (stores.home / "files" / PROJECT / f"file-{'c' * 24}.jsonl").write_bytes(b"123")
    done = _retention(stores, 2 * HOUR).clear()
    assert done.gone == []
    assert len(done.left) == 3
    forced = _retention(stores, 2 * HOUR).clear(force=True)
    assert forced.counts == {"unknown bytes": 1, "job folder": 1, "model folder": 1}


def test_row_without_bytes_is_told(stores: Stores) -> None:
    """A file whose bytes are gone is named, and nothing is removed for it."""
    lost = stores.upload()
    (stores.home / "files" / PROJECT / f"{lost.id}.jsonl").unlink()
    done = _retention(stores, 2 * HOUR).clear()
    assert done.missing == [f"file {lost.id}"]
    assert stores.files.get(PROJECT, lost.id)


@pytest.mark.parametrize("status", [FAILED, SUCCEEDED])
def test_folder_of_a_job_that_is_over(stores: Stores, status: str) -> None:
    """It is kept for some days, for whoever wants to look into it."""
    _, folder = _over(stores, status)
    assert _retention(stores, 6 * DAY).clear().gone == []
    assert _retention(stores, 8 * DAY).clear().counts == {"job folder": 1}
    assert not folder.exists()


def test_folder_of_a_cancelled_job(stores: Stores) -> None:
    """It goes at once, unless the job's worker may still be leaving."""
    job, folder = _over(stores, CANCELLED)
    _set(stores, job, worker="w", lease_until=time.time() + 20)
    assert _retention(stores).clear().gone == []
    assert _retention(stores, 10 * 60).clear().counts == {"job folder": 1}
    assert not folder.exists()


def test_folder_that_a_process_holds(stores: Stores) -> None:
    """A worker that lost its job and does not know it yet keeps its folder until it has let go."""
    _, folder = _over(stores, CANCELLED)
    with (folder / "worker").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert _retention(stores, 10 * 60).clear().gone == []
    assert _retention(stores, 10 * 60).clear().counts == {"job folder": 1}


@pytest.mark.parametrize("status", [RUNNING, "queued", "paused", "pausing", "validating_files"])
def test_work_under_way_is_never_touched(stores: Stores, status: str) -> None:
    """Folders of a job that is not over stay, whatever their age, with models that are not in the database yet."""
    job = stores.job()
    _set(stores, job, status=status)
    folders = [
        _folder(stores, "jobs", job.id),
        _folder(stores, "models", job.id),
        _folder(stores, "models", f"{job.id}-step-5"),
        _folder(stores, "models", f".{job.id}-step-6.partial"),
    ]
    assert _retention(stores, 1000 * DAY).clear(force=True).gone == []
    assert all(folder.is_dir() for folder in folders)


def test_model_folders_without_a_row(stores: Stores) -> None:
    """What was left of deleted models goes once it is old; models that answer, and foreign folders, stay."""
    job, checkpoint = _with_checkpoint(stores)
    _set(stores, job, status=FAILED, finished_at=int(time.time()))
    left = [_folder(stores, "models", f"{job.id}-step-4"), _folder(stores, "models", f".{job.id}-step-3.partial")]
    mine = _folder(stores, "models", "my own model")
    assert _retention(stores).clear().gone == []
    done = _retention(stores, 2 * HOUR).clear(force=True)
    assert done.counts == {"model folder": 2}
    assert not [folder for folder in left if folder.exists()]
    assert mine.is_dir()
    assert checkpoint.is_dir()


def test_base_of_a_waiting_job_stays(stores: Stores) -> None:
    """A folder that a job is to start from is kept even if its row is gone."""
    base = _folder(stores, "models", NOBODYS)
    job = stores.job()
    _set(stores, job, base=str(base))
    assert _retention(stores, 2 * HOUR).clear(force=True).gone == []
    assert base.is_dir()


def test_checkpoint_whose_folder_is_gone(stores: Stores) -> None:
    """Its row goes if other models of its job lie here; where none does, the folder may be another machine's."""
    job, checkpoint = _with_checkpoint(stores)
    _set(stores, job, status=FAILED, finished_at=int(time.time()))
    shutil.rmtree(checkpoint)
    name = f"{job.id}:ckpt-step-5"
    done = _retention(stores).clear()
    assert done.gone == []
    assert done.missing == ["model ft:a:ckpt-step-5"]
    _folder(stores, "models", f"{job.id}-step-6")
    assert _retention(stores).clear().counts == {"checkpoint": 1}
    with pytest.raises(NotFound):
        stores.models.resolve(PROJECT, name)
    assert stores.jobs.checkpoints(PROJECT, job.id).data == ()


def test_events_are_kept_as_long_as_is_set(stores: Stores) -> None:
    """Events of jobs that are over go after so many days, and only where that is set."""
    job, _ = _over(stores, FAILED)
    waiting = stores.job()
    assert "events" not in _retention(stores, 100 * DAY).clear().counts
    assert _retention(stores, 9 * DAY, event_days=10).clear().counts.get("events") is None
    assert _retention(stores, 11 * DAY, event_days=10).clear().counts["events"] == 1
    assert stores.keys(job.id) == []
    assert stores.keys(waiting.id)


def test_graphs_that_nobody_opens(stores: Stores, tmp_path: Path) -> None:
    """Graphs in the cache go when they were not opened for long, unfinished ones after a day."""
    names = {"openvino-old": 40.0, "openvino-new": 20.0, ".openvino-half.x": 2.0, ".openvino-now.x": 0.0}
    for name, days in names.items():
        folder = tmp_path / "cache" / "graphs" / name
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - days * DAY,) * 2)
    done = _retention(stores).clear()
    assert {each.name for each in done.gone} == {"openvino-old", ".openvino-half.x"}


def test_dry_run_says_the_same(stores: Stores) -> None:
    """What would go is named and still there."""
    _over(stores, CANCELLED)
    stores.files.create(PROJECT, "a.jsonl", "fine-tune", iter([b"x"]), expires_after=3600)
    would = _retention(stores, 2 * HOUR).clear(dry_run=True)
    does = _retention(stores, 2 * HOUR).clear()
    assert would.gone == does.gone
    assert set(does.counts) == {"job folder", "expired file"}
    assert _retention(stores, 2 * HOUR).clear().gone == []


def test_clearing_up_beside_a_running_job(stores: Stores) -> None:
    """A job at whose every look everything old is cleared away, as if months had passed, succeeds all the same."""
    job = stores.job(overlapping_pairs(40), n_epochs=2)
    leases = stores.leases()
    taken = leases.take()
    assert taken is not None
    times: list[float] = []

    def ending() -> bool:
        if not times or time.monotonic() - times[-1] > 0.02:
            assert _retention(stores, 100 * DAY).clear(force=True).counts == {}
            times.append(time.monotonic())
        return False

    run_job(taken, Workshop(stores.home, stores.files, leases, QUICK, ending, never))
    found = stores.jobs.get(PROJECT, job.id)
    assert (found.status, found.error) == (SUCCEEDED, None)
    assert len(times) > 5
    assert _retention(stores, 100 * DAY).clear(force=True).counts == {"job folder": 1}
    assert Path(stores.models.resolve(PROJECT, job.id), "modules.json").is_file()
    assert all(b"".join(stores.files.chunks(PROJECT, name)) for name in found.result_files)
    assert _retention(stores, 100 * DAY).clear().missing == []


def _with_checkpoint(stores: Stores) -> tuple[Job, Path]:
    """A job at work with a model from its middle, and that model's folder."""
    stores.job(labelled_texts(8))
    leases = stores.leases()
    job = leases.take()
    assert job is not None
    place = f"models/{job.id}-step-5"
    leases.add_checkpoint(job.id, NewCheckpoint(5, {}, "ft:a:ckpt-step-5", place), NewEvent("checkpoint 5", "Made."))
    with stores.database.session(write=False) as connection:
        assert connection.execute(select(models.c.location)).scalar_one() == place
    return job, _folder(stores, *place.split("/"))


@pytest.mark.parametrize("status", [FAILED, CANCELLED, SUCCEEDED])
def test_old_checkpoints_of_jobs_that_are_over_go_where_that_is_wanted(stores: Stores, status: str) -> None:
    """Kept for ever by default; with `checkpoint_days` the model and its name go so many days after the end."""
    job, folder = _with_checkpoint(stores)
    assert _retention(stores, 9 * DAY, checkpoint_days=7).clear().counts == {}, "the job is at work"
    _set(stores, job, status=status, finished_at=int(time.time()), worker=None)
    assert "old checkpoint" not in _retention(stores, 900 * DAY).clear().counts
    assert "old checkpoint" not in _retention(stores, 6 * DAY, checkpoint_days=7).clear().counts
    assert _retention(stores, 8 * DAY, checkpoint_days=7).clear(dry_run=True).counts["old checkpoint"] == 1
    assert folder.is_dir()
    done = _retention(stores, 8 * DAY, checkpoint_days=7).clear()
    assert [(each.name, each.bytes) for each in done.gone if each.kind == "old checkpoint"] == [(folder.name, 5)]
    assert not folder.exists()
    assert stores.jobs.checkpoints(PROJECT, job.id).data == ()
    with stores.database.session(write=False) as connection:
        assert connection.execute(select(models.c.id)).all() == []


def test_old_checkpoint_that_a_job_starts_from_stays(stores: Stores) -> None:
    """Until that job is over too."""
    job, folder = _with_checkpoint(stores)
    _set(stores, job, status=FAILED, finished_at=int(time.time()), worker=None)
    other = stores.job()
    _set(stores, other, base=f"home:models/{folder.name}")
    assert "old checkpoint" not in _retention(stores, 8 * DAY, checkpoint_days=7).clear().counts
    assert folder.is_dir()
    _set(stores, other, status=CANCELLED, finished_at=int(time.time()))
    assert _retention(stores, 8 * DAY, checkpoint_days=7).clear().counts["old checkpoint"] == 1
