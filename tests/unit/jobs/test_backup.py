"""Copies of a service that is in use, and the way back."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.word_rows import labelled_texts, overlapping_pairs
from tests.unit.jobs.conftest import PROJECT, Stores
from tests.unit.jobs.test_running import QUICK, after_a_checkpoint, run, steps_of
from vectune.encode.encoder import Encoder
from vectune.encode.open_encoder import Opening, open_encoder
from vectune.errors import NotFound, StorageError
from vectune.jobs.backup import DATABASE, MANIFEST, _Copying, back_up, restore
from vectune.jobs.database import Database
from vectune.jobs.file_bytes import FileBytes
from vectune.jobs.files import FileStore
from vectune.jobs.hyperparameters import check
from vectune.jobs.job import NewJob
from vectune.jobs.jobs import JobStore
from vectune.jobs.models import ModelRegistry
from vectune.jobs.refusals import InUse

TEXTS = ["red1 cat2", "sun3", "dog4 red5 cat6"]


@pytest.fixture(autouse=True)
def _where_it_is_copied(stores: Stores, request: pytest.FixtureRequest) -> None:
    """A database of PostgreSQL is copied by its own means: there one test alone has something to say."""
    if stores.database.is_sqlite is request.node.name.startswith("test_beside_postgresql"):
        pytest.skip("it is about the other kind of database")  # test_service_postgres runs this file on PostgreSQL


def _files_root(home: Path) -> str:
    return str(home / "files")


def _encoder(folder: Path | str) -> Encoder:
    return open_encoder(str(folder), Opening(backend="torch"))


def test_restored_service_gives_the_same_vectors(stores: Stores, tmp_path: Path) -> None:
    """Files, jobs, events and models are there again under an empty folder, and a tuned model gives the same bits."""
    done = run(stores) if stores.job(labelled_texts(8), n_epochs=1) else None
    assert done is not None
    assert done.status == "succeeded"
    before = _encoder(stores.models.resolve(PROJECT, done.id)).encode(TEXTS)
    made = back_up(stores.database, stores.home, _files_root(stores.home), tmp_path / "copy")
    assert (made.num_files, made.missing) == (4, [])
    home = tmp_path / "elsewhere" / "home"
    restore(tmp_path / "copy", home, _files_root(home))
    database = Database(f"sqlite:///{home / DATABASE}")
    database.migrate()
    models = ModelRegistry(database, home)
    files = FileStore(database, _files_root(home))
    assert models.list(PROJECT)[-made.num_models :] == stores.models.list(PROJECT)[-made.num_models :]
    assert files.list(PROJECT) == stores.files.list(PROJECT)
    for file in files.list(PROJECT).data:
        assert b"".join(files.chunks(PROJECT, file.id)) == b"".join(stores.files.chunks(PROJECT, file.id))
    place = Path(models.resolve(PROJECT, done.id))
    assert place.is_relative_to(home)
    np.testing.assert_array_equal(_encoder(place).encode(TEXTS), before)
    database.close()


def test_copy_while_everything_is_in_use(stores: Stores, tmp_path: Path) -> None:
    """While files come and go without a pause, each copy is in itself consistent: every row has its bytes."""
    ending = threading.Event()

    def write() -> None:
        while not ending.is_set():
            names = [stores.upload().id for _ in range(3)]
            for name in names[:2]:
                stores.files.delete(PROJECT, name)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            copy, home = tmp_path / f"copy{number}", tmp_path / f"home{number}"
            assert back_up(stores.database, stores.home, _files_root(stores.home), copy).missing == []
            restore(copy, home, _files_root(home))
            database = Database(f"sqlite:///{home / DATABASE}")
            files = FileStore(database, _files_root(home))
            for file in files.list(PROJECT).data:
                assert len(b"".join(files.chunks(PROJECT, file.id))) == file.bytes
            database.close()
    finally:
        ending.set()
        writer.join()


def test_copy_is_one_file_and_private(stores: Stores, tmp_path: Path) -> None:
    """The database needs no log of writes beside it, and nobody else may look into the copy."""
    stores.upload()
    back_up(stores.database, stores.home, _files_root(stores.home), tmp_path / "copy")
    assert sorted(entry.name for entry in (tmp_path / "copy").iterdir()) == [MANIFEST, "files", DATABASE]
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o700
    with sqlite3.connect(tmp_path / "copy" / DATABASE) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()


@pytest.mark.parametrize("act", [shutil.rmtree, lambda folder: (folder / "new").touch()], ids=["removed", "changed"])
def test_folder_that_changes_while_it_is_copied_is_lost(
    stores: Stores, tmp_path: Path, act: Callable[[Path], object]
) -> None:
    """Half a model is no model, and nothing of it stays in the copy."""
    folder = stores.home / "models" / "m"
    folder.mkdir(parents=True)
    for name in ("a", "b", "c"):
        (folder / name).write_text(name)

    class Disturbed(_Copying):
        """Something happens to the folder after its first file was copied."""

        def _note(self, name: str, copy: Path) -> None:
            super()._note(name, copy)
            if name.endswith("/a"):
                act(folder)

    copying = Disturbed(stores.database, stores.home, FileBytes(_files_root(stores.home)))
    assert not copying._folder(Path("models/m"), tmp_path / "aside")
    assert copying.done.files == {}
    assert not (tmp_path / "aside" / "models" / "m").exists()


def test_work_of_paused_jobs_comes_along(stores: Stores, tmp_path: Path) -> None:
    """A paused job keeps its checkpoints; the work of others is begun anew and not copied."""
    paused, waiting = stores.job(), stores.job()
    stores.jobs.pause(PROJECT, paused.id)
    for job in (paused, waiting):
        folder = stores.home / "jobs" / job.id / ".run.partial"
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text("a = 1\n", encoding="utf-8")
    back_up(stores.database, stores.home, _files_root(stores.home), tmp_path / "copy")
    restore(tmp_path / "copy", tmp_path / "restored", _files_root(tmp_path / "restored"))
    assert [entry.name for entry in (tmp_path / "restored" / "jobs").iterdir()] == [paused.id]
    assert (tmp_path / "restored" / "jobs" / paused.id / ".run.partial" / "config.toml").is_file()


def test_what_is_not_on_the_disk_is_told(stores: Stores, tmp_path: Path) -> None:
    """A file whose bytes are lost is named; the rest is copied."""
    kept, lost = stores.upload(), stores.upload()
    (stores.home / "files" / PROJECT / f"{lost.id}.jsonl").unlink()
    made = back_up(stores.database, stores.home, _files_root(stores.home), tmp_path / "copy")
    assert (made.num_files, made.missing) == (1, [f"file {lost.id}"])
    restore(tmp_path / "copy", tmp_path / "restored", _files_root(tmp_path / "restored"))
    assert (tmp_path / "restored" / "files" / PROJECT / f"{kept.id}.jsonl").is_file()


def test_copy_is_there_wholly_or_not_at_all(stores: Stores, tmp_path: Path) -> None:
    """A copy that fails leaves nothing, and a folder that is in use is not touched."""
    stores.upload()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(StorageError, match="already there"):
        back_up(stores.database, stores.home, _files_root(stores.home), tmp_path / "taken")
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    with pytest.raises(StorageError):
        back_up(Database(f"sqlite:///{damaged}"), stores.home, _files_root(stores.home), tmp_path / "copy")
    assert not [entry for entry in tmp_path.iterdir() if "copy" in entry.name]


@pytest.mark.parametrize("harm", ["change", "cut", "remove"])
def test_damaged_copy_restores_nothing(stores: Stores, tmp_path: Path, harm: str) -> None:
    """One byte that is not as it was is found before anything is written."""
    file = stores.upload()
    back_up(stores.database, stores.home, _files_root(stores.home), tmp_path / "copy")
    victim = tmp_path / "copy" / "files" / PROJECT / f"{file.id}.jsonl"
    content = victim.read_bytes()
    if harm == "remove":
        victim.unlink()
    else:
        victim.write_bytes(content[:-1] if harm == "cut" else content[:-2] + b"X\n")
    with pytest.raises(StorageError, match="damaged"):
        restore(tmp_path / "copy", tmp_path / "restored", _files_root(tmp_path / "restored"))
    assert not (tmp_path / "restored").exists()


def test_home_in_use_is_not_written_over(stores: Stores, tmp_path: Path) -> None:
    """Only an empty folder is restored into, as a fresh volume is, with what its file system puts there."""
    stores.upload()
    back_up(stores.database, stores.home, _files_root(stores.home), tmp_path / "copy")
    with pytest.raises(StorageError, match="not empty"):
        restore(tmp_path / "copy", stores.home, _files_root(stores.home))
    volume = tmp_path / "volume"
    (volume / "lost+found").mkdir(parents=True)
    restore(tmp_path / "copy", volume, _files_root(volume))
    assert (volume / DATABASE).is_file()


@pytest.mark.parametrize(
    "content",
    [
        {"vectune_backup": 2},
        {"vectune_backup": 1},
        {
            "vectune_backup": 1, "created_at": 1, "database": False, "num_files": 1, "num_models": 0, "missing": [],
            "files": {"../../escape": {"bytes": 0, "sha256": ""}},
        },
    ],
    ids=["later version", "half a manifest", "a way out"],
)  # fmt: skip
def test_manifest_that_can_not_be_trusted(stores: Stores, tmp_path: Path, content: dict[str, object]) -> None:
    """A manifest of another version, without its parts, or with paths that lead elsewhere is refused."""
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / MANIFEST).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(StorageError):
        restore(tmp_path / "copy", tmp_path / "restored", _files_root(tmp_path / "restored"))
    assert not (tmp_path / "restored").exists()


def test_folder_that_is_no_copy(stores: Stores, tmp_path: Path) -> None:
    """Without its manifest, which is written last, a folder is no copy."""
    stores.upload()
    back_up(stores.database, stores.home, _files_root(stores.home), tmp_path / "copy")
    (tmp_path / "copy" / MANIFEST).unlink()
    with pytest.raises(NotFound):
        restore(tmp_path / "copy", tmp_path / "restored", _files_root(tmp_path / "restored"))
    shutil.rmtree(tmp_path / "copy")


def test_beside_postgresql(stores: Stores, tmp_path: Path) -> None:
    """Files and models that the server's database names are copied and come back; the database is not among them."""
    file = stores.upload()
    made = back_up(stores.database, stores.home, _files_root(stores.home), tmp_path / "copy")
    assert (made.database, made.num_files) == (False, 1)
    restored = tmp_path / "restored"
    assert not restore(tmp_path / "copy", restored, _files_root(restored)).database
    assert (restored / "files" / PROJECT / f"{file.id}.jsonl").is_file()
    assert not (restored / DATABASE).exists()


def test_job_at_work_begins_anew(stores: Stores, tmp_path: Path) -> None:
    """A job that was at work when the copy was made is done by the restored service, and nothing is told twice."""
    job = stores.job(labelled_texts(8), n_epochs=1)
    leases = stores.leases(seconds=0.01)
    assert leases.take() is not None
    leases.begin(job.id)
    (stores.home / "jobs" / job.id).mkdir(parents=True)
    back_up(stores.database, stores.home, _files_root(stores.home), tmp_path / "copy")
    home = tmp_path / "restored"
    other = _restored(tmp_path / "copy", home)
    assert not (home / "jobs").exists()
    assert run(other).status == "succeeded"
    keys = other.keys(job.id)
    assert len(set(keys)) == len(keys)
    assert keys[: len(stores.keys(job.id))] == stores.keys(job.id)
    other.database.close()


def test_paused_job_on_a_tuned_model_goes_on_after_a_restore(stores: Stores, tmp_path: Path) -> None:
    """Its base is found in the new home, from its checkpoint on; until it is over the base can't be deleted there."""
    stores.job(labelled_texts(8), n_epochs=1)
    model = str(run(stores).fine_tuned_model)
    asked = check({"n_epochs": 8, "patience": 100})
    job = stores.jobs.create(PROJECT, NewJob(model, stores.upload(overlapping_pairs(60)).id, hyperparameters=asked)).id
    run(stores, after_a_checkpoint(stores, job), QUICK.model_copy(update={"checkpoint_steps": 3}))
    stores.jobs.pause(PROJECT, job)
    assert stores.leases("next").take() is None
    told = steps_of(stores, job)
    back_up(stores.database, stores.home, _files_root(stores.home), tmp_path / "copy")
    shutil.rmtree(stores.home / "models")

    other = _restored(tmp_path / "copy", tmp_path / "elsewhere" / "home")
    assert other.jobs.resume(PROJECT, job).status == "queued"
    with pytest.raises(InUse):
        other.models.delete(PROJECT, model)
    done = run(other)
    assert (done.status, done.error) == ("succeeded", None)
    said = [event.message for event in other.jobs.events_since(PROJECT, job, 0)]
    assert not [message for message in said if "begins anew" in message]
    assert steps_of(other, job)[: len(told)] == told
    assert len(steps_of(other, job)) == len(set(steps_of(other, job)))
    other.models.delete(PROJECT, model)
    other.database.close()


def _restored(copy: Path, home: Path) -> Stores:
    """The stores of a home folder that `copy` is put back into."""
    restore(copy, home, _files_root(home))
    database = Database(f"sqlite:///{home / DATABASE}")
    models = ModelRegistry(database, home)
    return Stores(
        home, database.url, database, FileStore(database, _files_root(home)), models, JobStore(database, models)
    )
