"""Files: kept whole, listed in order, belonging to one project, and not deleted from under a job."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import update

from tests.fakes.bucket import Bucket, DriverFault
from tests.unit.jobs.conftest import PROJECT, Stores
from vectune.errors import Interrupted, NotFound
from vectune.jobs.files import FileStore
from vectune.jobs.refusals import BadParameter, InUse, TooLarge
from vectune.jobs.schema import files
from vectune.monitor.progress import Progress, Silent, Stoppable


def test_file_comes_back_as_it_was(stores: Stores) -> None:
    """What is known of a file and its bytes are what was given."""
    file = stores.files.create(PROJECT, "my rows.JSONL", "fine-tune", iter([b"{}\n"]), expires_after=3600)
    assert (file.filename, file.purpose, file.bytes, file.status) == ("my rows.JSONL", "fine-tune", 3, "uploaded")
    assert file.expires_at == file.created_at + 3600
    assert b"".join(stores.files.chunks(PROJECT, file.id)) == b"{}\n"
    assert stores.files.get(PROJECT, file.id) == file


@pytest.mark.parametrize(
    ("purpose", "filename", "param"), [("fun", "a.jsonl", "purpose"), ("fine-tune", "a.csv", "file")]
)
def test_purposes_are_checked(stores: Stores, purpose: str, filename: str, param: str) -> None:
    """An unknown purpose, and a file to tune with that is no JSONL, are refused with the parameter's name."""
    with pytest.raises(BadParameter) as refused:
        stores.files.create(PROJECT, filename, purpose, iter([b""]))
    assert refused.value.param == param


def test_names_never_reach_the_disk(stores: Stores) -> None:
    """A name that climbs out of folders is kept as a name alone."""
    file = stores.files.create(PROJECT, "../../../etc/passwd", "user_data", iter([b"x"]))
    (path,) = list(stores.home.rglob("file-*"))
    assert path == stores.home / "files" / PROJECT / file.id


def test_too_large_is_not_listed(stores: Stores) -> None:
    """A file over the limit leaves nothing."""
    with pytest.raises(TooLarge):
        stores.files.create(PROJECT, "a.jsonl", "fine-tune", iter([b"x" * 11]), most_bytes=10)
    assert stores.files.list(PROJECT).data == ()


def test_lists_go_on_where_they_ended(stores: Stores) -> None:
    """Pages follow one another in both orders, and keep to a purpose."""
    made = [stores.upload().id for _ in range(3)]
    stores.files.create(PROJECT, "x", "user_data", iter([b""]))
    first = stores.files.list(PROJECT, limit=2, order="asc", purpose="fine-tune")
    rest = stores.files.list(PROJECT, limit=2, order="asc", purpose="fine-tune", after=first.data[-1].id)
    assert [file.id for file in (*first.data, *rest.data)] == made
    assert (first.has_more, rest.has_more) == (True, False)
    newest = stores.files.list(PROJECT, purpose="fine-tune", after=made[2])
    assert [file.id for file in newest.data] == made[1::-1]


def test_files_of_others_do_not_exist(stores: Stores) -> None:
    """Another project neither sees, reads nor deletes a file."""
    name = stores.upload().id
    assert stores.files.list("other").data == ()
    for ask in (stores.files.get, stores.files.chunks, stores.files.delete, stores.files.local):
        with pytest.raises(NotFound):
            ask("other", name)


def test_expired_file_is_gone(stores: Stores) -> None:
    """A file whose time is over is found no more."""
    name = stores.upload().id
    with stores.database.session() as connection:
        connection.execute(update(files).values(expires_at=int(time.time()) - 1))
    assert stores.files.list(PROJECT).data == ()
    with pytest.raises(NotFound):
        stores.files.get(PROJECT, name)
    assert stores.files.get(PROJECT, name, held=True).id == name


def test_deleted_file_is_gone(stores: Stores) -> None:
    """Row and bytes of a deleted file are gone."""
    name = stores.upload().id
    stores.files.delete(PROJECT, name)
    with pytest.raises(NotFound):
        stores.files.get(PROJECT, name)
    assert list(stores.home.rglob("file-*")) == []


def test_file_of_a_job_stays(stores: Stores) -> None:
    """A file is kept while a job needs it, and can be deleted when the job is over."""
    job = stores.job()
    with pytest.raises(InUse) as refused:
        stores.files.delete(PROJECT, job.training_file)
    assert job.id in refused.value.message
    stores.jobs.cancel(PROJECT, job.id)
    stores.files.delete(PROJECT, job.training_file)


def test_good_rows_are_processed(stores: Stores) -> None:
    """A file that can be trained on is processed."""
    assert stores.files.validate(stores.upload().id).status == "processed"


def test_bad_rows_say_why_in_the_owners_words(stores: Stores) -> None:
    """A file that can't be trained on has an error that names it as its owner does, and no path of this machine."""
    name = stores.files.create(PROJECT, "mine.jsonl", "fine-tune", iter([b"no json\n" * 5])).id
    file = stores.files.validate(name)
    assert file.status == "error"
    assert "mine.jsonl" in str(file.status_details)
    assert str(stores.home) not in str(file.status_details)


def test_validating_can_be_stopped(stores: Stores) -> None:
    """Asked to stop, validating ends and says nothing of the file."""
    name = stores.upload().id
    with pytest.raises(Interrupted):
        stores.files.validate(name, Stoppable(Silent(), lambda: True))
    assert stores.files.get(PROJECT, name).status == "uploaded"


def test_file_that_is_deleted_is_read_no_further(stores: Stores) -> None:
    """Reading a file through ends where it stands once the file is deleted."""
    name = stores.upload().id
    looks: list[float] = []

    def check(path: Path, called: str, progress: Progress) -> str | None:
        stores.files.delete(PROJECT, name)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            progress.advance(0)
            looks.append(time.sleep(0.02) or 0.0)
        return None

    with pytest.raises(NotFound):
        FileStore(stores.database, str(stores.home / "files"), check).validate(name)
    assert len(looks) < 2000


def test_copying_from_elsewhere_can_be_stopped(stores: Stores) -> None:
    """Bytes of a remote store are fetched no further once the work is to end."""

    def check(path: Path, called: str, progress: Progress) -> str | None:
        raise AssertionError("the file was fetched")

    elsewhere = FileStore(stores.database, f"memory://{uuid4()}", check)
    name = elsewhere.create(PROJECT, "a.jsonl", "fine-tune", iter([b"{}\n"])).id
    with pytest.raises(Interrupted):
        elsewhere.validate(name, Stoppable(Silent(), lambda: True))
    assert elsewhere.get(PROJECT, name).status == "uploaded"


def test_same_id_is_kept_once(stores: Stores) -> None:
    """A result that is put a second time leaves one file."""
    for _ in range(2):
        stores.files.put("file-x", PROJECT, "verdict.json", "fine-tune-results", iter([b"{}"]))
    assert [file.id for file in stores.files.list(PROJECT).data] == ["file-x"]


@pytest.mark.parametrize("good_first", [True, False])
def test_file_that_one_reader_could_read_is_processed(stores: Stores, good_first: bool) -> None:
    """Server and worker may read a file at the same time: one that was ended for its memory does not make it unfit, be
    it the first or the last to say so."""
    name = stores.upload().id
    root = str(stores.home / "files")
    good, killed = (FileStore(stores.database, root, lambda *_, said=said: said) for said in (None, "No memory."))
    first, last = (good, killed) if good_first else (killed, good)

    def meanwhile(path: Path, called: str, progress: Progress) -> str | None:
        first.validate(name)
        return last._check(path, called, progress)

    assert FileStore(stores.database, root, meanwhile).validate(name).status == "processed"
    assert stores.files.get(PROJECT, name).status_details is None


def test_deleted_file_whose_bytes_stay_is_deleted(stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    """A store that is away keeps the bytes, which clearing up will find; the file itself is gone, and a second try
    would be told so."""
    elsewhere = FileStore(stores.database, f"bucket://{uuid4()}")
    name = elsewhere.create(PROJECT, "a.jsonl", "fine-tune", iter([b"{}\n"])).id
    Bucket.fault = DriverFault("away")
    try:
        with caplog.at_level(logging.ERROR, "vectune.jobs.files"):
            elsewhere.delete(PROJECT, name)
    finally:
        Bucket.fault = None
    assert name in caplog.text
    with pytest.raises(NotFound):
        elsewhere.get(PROJECT, name)
