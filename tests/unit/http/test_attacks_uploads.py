"""Uploads that mean harm: names, forms and contents."""

from __future__ import annotations

import gzip
import io
import pickle
import time
import zipfile
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.unit.http.conftest import ROWS
from vectune.http.services import Services

BOUNDARY = {"content-type": "multipart/form-data; boundary=b"}


def _part(disposition: bytes, content: bytes = b"x") -> bytes:
    return b"--b\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\n" + content + b"\r\n"


PURPOSE = _part(b'name="purpose"', b"fine-tune")


def _form(filename: bytes, content: bytes = ROWS) -> bytes:
    return PURPOSE + _part(b'name="file"; filename="' + filename + b'"', content) + b"--b--\r\n"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"../../etc/cron.d/a.jsonl", "a.jsonl"),
        (b"/etc/passwd.jsonl", "passwd.jsonl"),
        (b"..\\\\..\\\\a.jsonl", "a.jsonl"),
        (b"C:\\\\windows\\\\a.jsonl", "a.jsonl"),
        (b"%2e%2e%2fa.jsonl", "%2e%2e%2fa.jsonl"),
        ("\u202e\U0001f4a3.jsonl".encode(), "\u202e\U0001f4a3.jsonl"),
        (b"\xff\xfe.jsonl", "\u00ff\u00fe.jsonl"),
        (b"a.jsonl", "a.jsonl"),
        (b".jsonl", ".jsonl"),
        (b"$(touch x);`id`.jsonl", "$(touch x);`id`.jsonl"),
        (b"a" * 249 + b".jsonl", "a" * 249 + ".jsonl"),
    ],
)
def test_names_that_are_kept(http: TestClient, services: Services, sent: bytes, kept: str) -> None:
    """A name is what its owner is shown, without folders; where the bytes lie it has no part in."""
    answer = http.post("files", content=_form(sent), headers=BOUNDARY)
    assert answer.status_code == 200, answer.text
    assert answer.json()["filename"] == kept
    root = Path(services.config.files_root)
    assert [path.name for path in root.rglob("*") if path.is_file()] == [f"{answer.json()['id']}.jsonl"]
    assert http.get(f"files/{answer.json()['id']}/content").content == ROWS


@pytest.mark.parametrize(
    "sent",
    [b"a\0.jsonl", b"a\t.jsonl", b"a\x7f.jsonl", b"a\x1b[31m.jsonl", b"a" * 300 + b".jsonl", b"a" * 5000, b"..", b"",
     b"a/"],
    ids=lambda sent: ascii(sent)[:20],
)  # fmt: skip
def test_names_that_are_refused(http: TestClient, services: Services, sent: bytes) -> None:
    """Names with control characters, without end or without a .jsonl are a 400; nothing is kept."""
    answer = http.post("files", content=_form(sent), headers=BOUNDARY)
    assert answer.status_code == 400
    assert len(answer.content) < 2000
    assert services.files.list("default").data == ()


FORMS: dict[str, bytes] = {
    "many files": PURPOSE + _part(b'name="file"; filename="a.jsonl"') * 50 + b"--b--\r\n",
    "many fields": _part(b'name="x"') * 1000 + b"--b--\r\n",
    "a long field": PURPOSE + _part(b'name="x"', b"v" * 60_000) + b"--b--\r\n",
    "a field without a name": _part(b"filename") + b"--b--\r\n",
    "no disposition": b"--b\r\n\r\nx\r\n--b--\r\n",
    "many part headers": b"--b\r\n" + b"a: b\r\n" * 5000 + b"\r\nx\r\n--b--\r\n",
    "a long part header": b"--b\r\nContent-Disposition: " + b"v" * 50_000 + b"\r\n\r\nx\r\n--b--\r\n",
    "no end": PURPOSE + _part(b'name="file"; filename="a.txt"'),
    "end in the middle": PURPOSE[:30],
    "line ends": b"\r\n" * 20_000,
    "dashes": b"-" * 60_000,
    "purpose of control characters": _part(b'name="purpose"', b"\0\x1b" * 500)
    + _part(b'name="file"; filename="a.jsonl"') + b"--b--\r\n",
    "purpose as a file": _part(b'name="purpose"; filename="p"', b"fine-tune") + b"--b--\r\n",
    "file as a text": PURPOSE + _part(b'name="file"', ROWS) + b"--b--\r\n",
    "expiry without end": PURPOSE + _part(b'name="expires_after[seconds]"', b"9" * 4000)
    + _part(b'name="file"; filename="a.jsonl"') + b"--b--\r\n",
    "expiry of other digits": PURPOSE + _part(b'name="expires_after[seconds]"', "\u0663\u0666\u0660\u0660".encode())
    + _part(b'name="file"; filename="a.jsonl"') + b"--b--\r\n",
    "expiry that is negative": PURPOSE + _part(b'name="expires_after[seconds]"', b"-1")
    + _part(b'name="file"; filename="a.jsonl"') + b"--b--\r\n",
}  # fmt: skip


# Starlette leaves the file of a part without an end to the garbage collector, which closes it at once.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", FORMS)
def test_forms(http: TestClient, services: Services, name: str) -> None:
    """Forms of too many parts, broken ones and ones that lie are a 400 in a sentence; nothing is kept."""
    answer = http.post("files", content=FORMS[name], headers=BOUNDARY)
    assert answer.status_code in (400, 413), answer.text
    assert answer.json()["error"]["message"]
    assert len(answer.content) < 2000
    assert services.files.list("default").data == ()


ALPHABETS = ["utf-7", "utf-16", "unicode_escape", "idna", "undefined", "base64", "no such", "\0"]


@pytest.mark.parametrize("charset", ALPHABETS)
def test_alphabets(http: TestClient, charset: str) -> None:
    """A form in another alphabet is refused: some of them make text that nothing can write down."""
    headers = {"content-type": f"multipart/form-data; boundary=b; charset={charset}".encode()}
    answer = http.post("files", content=_form(b"+2AA-\\ud800.jsonl"), headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_encoding")
    headers = {"content-type": b"multipart/form-data; boundary=b; charset=UTF-8"}
    assert http.post("files", content=_form(b"a.jsonl"), headers=headers).status_code == 200  # type: ignore[arg-type]


def _zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.jsonl", b'{"text": "a", "label": "b"}\n' * 10_000)
    return packed.getvalue()


class _Boom:
    """What ends this process when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        import os

        return os._exit, (66,)


CONTENTS: dict[str, bytes] = {
    "zip bomb": _zip_bomb(),
    "gzip bomb": gzip.compress(b'{"text": "a", "label": "b"}\n' * 50_000),
    "pickle": pickle.dumps(_Boom()),
    "rows of pickles": b'{"text": "' + pickle.dumps(_Boom(), protocol=0).replace(b"\n", b"\\n")
    + b'", "label": "b"}\n' * 2,
    "brackets": (b"[" * 900 + b"\n") * 2,
    "zeros": b"\0" * 1900,
    "no line end": b'{"text": "' + b"a" * 1900,
    "surrogates": b'{"text": "\\ud800", "label": "\\udfff"}\n' * 3,
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", CONTENTS)
def test_contents(http: TestClient, services: Services, name: str) -> None:
    """Bombs, pickles and rubbish under the name of rows are never unpacked: the file says what is wrong with it."""
    content = CONTENTS[name]
    made = http.post("files", content=_form(b"rows.jsonl", content), headers=BOUNDARY)
    assert made.status_code == (413 if len(content) > services.config.upload_bytes else 200), made.text
    if made.status_code == 200:
        until = time.monotonic() + 60
        while (file := http.get(f"files/{made.json()['id']}").json())["status"] == "uploaded":
            assert time.monotonic() < until
            time.sleep(0.01)
        if name != "rows of pickles":
            assert file["status"] == "error", file
            assert str(services.config.home) not in file["status_details"]
        assert http.get(f"files/{made.json()['id']}/content").content == content


@pytest.mark.parametrize("ending", ["jsonl.gz", "zip", "parquet", "csv", "pkl", "py"])
def test_endings_that_are_not_for_tuning(http: TestClient, ending: str) -> None:
    """Rows come as .jsonl alone; under another purpose a file is kept as it is and never read."""
    data = {"purpose": "fine-tune"}
    assert http.post("files", files={"file": (f"a.{ending}", b"x")}, data=data).status_code == 400
    kept = http.post("files", files={"file": (f"a.{ending}", CONTENTS["pickle"])}, data={"purpose": "user_data"}).json()
    assert kept["status"] == "processed"
    refused = http.post("fine_tuning/jobs", json={"model": "plain-model", "training_file": kept["id"]})
    assert refused.status_code == 400
