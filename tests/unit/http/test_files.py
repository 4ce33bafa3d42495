"""`/v1/files`, asked by the official client and by hand."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import openai
import pytest
from starlette.testclient import TestClient

from tests.fakes.bucket import BrokenBucket
from tests.unit.http.conftest import MODEL, ROWS
from vectune.http.app import build_app
from vectune.http.files import read_through
from vectune.http.services import Services
from vectune.jobs.files import FileStore
from vectune.monitor.progress import Silent


def _processed(client: openai.OpenAI, name: str) -> object:
    until = time.monotonic() + 60
    while (file := client.files.retrieve(name)).status == "uploaded" and time.monotonic() < until:
        time.sleep(0.02)
    return file


def test_round(client: openai.OpenAI, tmp_path: Path) -> None:
    """Upload by path, retrieve, list, read back the same bytes, delete."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(ROWS)
    file = client.files.create(file=path, purpose="fine-tune")
    assert (file.object, file.filename, file.bytes, file.purpose) == ("file", "rows.jsonl", len(ROWS), "fine-tune")
    assert client.files.retrieve(file.id).id == file.id
    assert [entry.id for entry in client.files.list()] == [file.id]
    assert client.files.content(file.id).read() == ROWS
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)


async def test_async_client(async_client: openai.AsyncOpenAI) -> None:
    """The asynchronous client uploads and reads back."""
    file = await async_client.files.create(file=("rows.jsonl", ROWS), purpose="fine-tune")
    assert (await async_client.files.content(file.id)).content == ROWS
    assert [entry.id async for entry in async_client.files.list()] == [file.id]


def test_rows_are_read_in_the_background(client: openai.OpenAI) -> None:
    """Rows that can be used leave the status processed, others error with the reason."""
    good = client.files.create(file=("good.jsonl", ROWS), purpose="fine-tune")
    bad = client.files.create(file=("bad.jsonl", b'{"a": 1}\n'), purpose="fine-tune")
    assert _processed(client, good.id).status == "processed"  # type: ignore[attr-defined]
    found = _processed(client, bad.id)
    assert found.status == "error"  # type: ignore[attr-defined]
    assert found.status_details  # type: ignore[attr-defined]


def test_pages(client: openai.OpenAI) -> None:
    """The client walks through all pages by `after`, in both orders; a purpose narrows the list."""
    names = [client.files.create(file=(f"{n}.jsonl", ROWS), purpose="fine-tune").id for n in range(5)]
    client.files.create(file=("other.txt", b"x"), purpose="user_data")
    assert [file.id for file in client.files.list(limit=2, order="asc", purpose="fine-tune")] == names
    page = client.files.list(limit=2, purpose="fine-tune")
    assert [file.id for file in page.data] == names[:2:-1]
    assert page.has_more


def test_expiry(client: openai.OpenAI) -> None:
    """`expires_after` travels through the form; a time outside the limits is refused."""
    after = {"anchor": "created_at", "seconds": 3600}
    file = client.files.create(file=("a.jsonl", ROWS), purpose="fine-tune", expires_after=after)  # type: ignore[arg-type]
    assert file.expires_at == file.created_at + 3600
    with pytest.raises(openai.BadRequestError) as refused:
        client.files.create(file=("a.jsonl", ROWS), purpose="fine-tune", expires_after=after | {"seconds": 5})  # type: ignore[arg-type]
    assert refused.value.param == "expires_after.seconds"


@pytest.mark.parametrize(("name", "purpose", "param"), [("a.jsonl", "fun", "purpose"), ("a.csv", "fine-tune", "file")])
def test_wrong_purpose_or_name(client: openai.OpenAI, name: str, purpose: str, param: str) -> None:
    """A purpose that is none, and a file to tune with that is no JSONL, are refused."""
    with pytest.raises(openai.BadRequestError) as refused:
        client.files.create(file=(name, ROWS), purpose=purpose)  # type: ignore[arg-type]
    assert refused.value.param == param


def test_too_large(client: openai.OpenAI) -> None:
    """A file over the limit is a 413 and leaves nothing, whether the form announces it or not."""
    for size in (2001, 500_000):
        with pytest.raises(openai.APIStatusError) as refused:
            client.files.create(file=("a.jsonl", b"x" * size), purpose="fine-tune")
        assert refused.value.status_code == 413
    assert client.files.list().data == []


def test_body_that_does_not_say_its_size(http: TestClient) -> None:
    """A form sent in chunks is cut off at the limit."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
    blocks = iter([head, *[b"x" * 50_000] * 5])
    answer = http.post("files", content=blocks, headers={"content-type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "request_too_large"


@pytest.mark.parametrize(
    ("form", "param"),
    [({"data": {"purpose": "fine-tune"}}, "file"), ({"files": {"file": ("a.jsonl", ROWS)}}, "purpose")],
)
def test_missing_fields(http: TestClient, form: dict[str, object], param: str) -> None:
    """Without a file or a purpose the answer names what is missing."""
    if param == "file":
        form = {"files": {"purpose": (None, "fine-tune")}}
    answer = http.post("files", **form)  # type: ignore[arg-type]
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_upload_that_is_no_form(http: TestClient) -> None:
    """JSON in place of a form is refused in a sentence; so is a form that ends in the middle."""
    assert "multipart" in http.post("files", json={"purpose": "fine-tune"}).json()["error"]["message"]
    broken = http.post("files", content=b"--x\r\nzzz", headers={"content-type": "multipart/form-data"})
    assert broken.status_code == 400
    assert broken.json()["error"]["type"] == "invalid_request_error"


def test_file_that_a_job_needs_stays(client: openai.OpenAI, file_id: str) -> None:
    """Deleting a file under a job is refused until the job is over."""
    job = client.fine_tuning.jobs.create(model=MODEL, training_file=file_id)
    with pytest.raises(openai.BadRequestError) as refused:
        client.files.delete(file_id)
    assert job.id in refused.value.message
    client.fine_tuning.jobs.cancel(job.id)
    assert client.files.delete(file_id).deleted


def test_bytes_that_are_gone(client: openai.OpenAI, services: Services, caplog: pytest.LogCaptureFixture) -> None:
    """A file whose bytes go while it is asked for is a 404, not an answer that breaks off; nor does reading it fail."""
    file = client.files.create(file=("a.txt", ROWS), purpose="user_data")
    for path in Path(services.config.files_root).rglob("*.txt"):
        path.unlink()
    with pytest.raises(openai.NotFoundError):
        client.files.content(file.id)
    read_through(services.files, "file-gone", Silent())
    assert "Traceback" not in caplog.text


def test_file_store_that_does_not_answer(services: Services) -> None:
    """Whatever its driver raises is a 503 without a word of it, which the client tries again, and no fault of ours."""
    files = FileStore(services.files._database, f"{BrokenBucket.protocol}://b")
    http = TestClient(build_app(replace(services, files=files)), base_url="http://127.0.0.1/v1/")
    answer = http.post("files", files={"file": ("a.jsonl", ROWS)}, data={"purpose": "fine-tune"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage_error")
    assert "AKIA123" not in answer.text
