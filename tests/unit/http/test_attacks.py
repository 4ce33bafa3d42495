"""What callers send who mean harm: names, bodies and numbers. Each is answered as what it is, never with a fault."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.fakes.tiny_model import save_tiny_model
from tests.unit.http.conftest import MODEL, ROWS
from tests.unit.http.keyed import caller, new_key
from vectune.config import ServeConfig
from vectune.http.app import build_app
from vectune.http.services import Services
from vectune.http.start import open_services

NAMES = [
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "%2e%2e/%2e%2e/vectune.db",
    "..\\..\\vectune.db",
    "%00",
    "file-1%00.jsonl",
    "%ff%fe",
    "%ed%a0%80",
    "%c0%ae%c0%ae",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "file://%2fetc%2fpasswd",
    "x" * 10_000,
    "%F0%9F%92%A3" * 50,
    "a%0d%0aset-cookie:%20b",
    "' OR 1=1 --",
    "%",
    "*",
    ".",
    "~",
    "{name}",
    "$(id)",
    "ftjob-1:ckpt-step-99999999999999999999",
    "ftjob-1:ckpt-step-%D9%A3",
]
PATHS = [
    ("GET", "files/{}"),
    ("GET", "files/{}/content"),
    ("DELETE", "files/{}"),
    ("GET", "fine_tuning/jobs/{}"),
    ("POST", "fine_tuning/jobs/{}/cancel"),
    ("GET", "fine_tuning/jobs/{}/events"),
    ("GET", "models/{}"),
    ("DELETE", "models/{}"),
    ("GET", "fine-tunes/{}/events?stream=true"),
    ("GET", "files?after={}"),
    ("GET", "files?purpose={}"),
    ("GET", "fine_tuning/jobs?after={}"),
    ("GET", "fine_tuning/jobs?limit={}"),
    ("GET", "fine_tuning/jobs?metadata[{}]={}"),
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:25])
def test_names_in_addresses(http: TestClient, services: Services, name: str) -> None:
    """No name leads out of the store, to a fault, or into a header."""
    services.files.create("default", "rows.jsonl", "fine-tune", iter([ROWS]))
    for method, path in PATHS:
        answer = http.request(method, path.replace("{}", name))
        assert answer.status_code < 500, (path, answer.text)
        assert "set-cookie" not in answer.headers
        assert "root:" not in answer.text
        assert "SQLite format" not in answer.text
        if answer.status_code >= 400:
            assert answer.json()["error"]["message"]
    assert len(services.files.list("default").data) == 1


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "..", "", "\0", "a" * 501, "plain-model\0",
     "plain-model/../x", "\U0001f4a3", "ft:", ":", ":query", "ftjob-1:ckpt-step-", "https://evil.example/model",
     "-" * 500, "\u202e"],
    ids=ascii,
)  # fmt: skip
def test_names_in_bodies(http: TestClient, services: Services, name: str) -> None:
    """A model or file by a path, a URL or nothing is no model and no file; nothing is fetched or opened."""
    for body in ({"model": name, "input": "a"}, {"model": name, "training_file": "f"}):
        answer = http.post("embeddings" if "input" in body else "fine_tuning/jobs", json=body)
        assert answer.status_code in (400, 404), answer.text
    for path in ("fine_tuning/jobs", "fine-tunes"):
        for field in ("training_file", "validation_file"):
            body = {"model": MODEL, "training_file": "file-1", field: name}
            assert http.post(path, json=body).status_code in (400, 404)
    assert services.cache.names == ()


DEEP = 100_000
BODIES: dict[str, bytes] = {
    "brackets": b"[" * DEEP,
    "closed brackets": b"[" * DEEP + b"]" * DEEP,
    "objects": b'{"input":' * DEEP,
    "depth in a field": b'{"model":"m","input":' + b"[" * 900 + b"]" * 900 + b"}",
    "depth in hyperparameters": b'{"model":"m","training_file":"f","hyperparameters":{"n_epochs":'
    + b"[" * 900 + b"]" * 900 + b"}}",
    "depth in metadata": b'{"model":"m","training_file":"f","metadata":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
    "NaN": b'{"model":"m","input":NaN}',
    "Infinity": b'{"model":"m","training_file":"f","hyperparameters":{"n_epochs":Infinity}}',
    "a number that is infinite": b'{"model":"m","training_file":"f","hyperparameters":{"n_epochs":1e999}}',
    "a number without end": b'{"model":"m","input":' + b"9" * 100_000 + b"}",
    "half a surrogate pair": b'{"model":"m","input":"\\ud800"}',
    "half a surrogate pair as a key": b'{"\\udfff":1}',
    "bytes that are no UTF-8": b'{"model":"\xff\xfe","input":"a"}',
    "UTF-16": json.dumps({"model": "m", "input": "a"}).encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"model":"m"}',
    "NUL": b'{"model":"m\x00","input":"a"}',
    "many keys": json.dumps({str(n): 1 for n in range(50_000)}).encode(),
    "a long key": json.dumps({"k" * 900_000: 1}).encode(),
    "many wrong inputs": json.dumps({"model": "m", "input": [{}] * 200_000}).encode(),
    "many tokens": b'{"model":"m","input":[1' + b",1" * 490_000 + b"]}",
    "many tokens in a list": b'{"model":"m","input":[[1' + b",1" * 490_000 + b"]]}",
    "many lists of tokens": b'{"model":"m","input":[[1]' + b",[1]" * 240_000 + b"]}",
    "many tokens and a word": b'{"model":"m","input":[1' + b",1" * 490_000 + b',"a"]}',
    "many betas": json.dumps({"model": "m", "training_file": "f", "classification_betas": ["x"] * 100_000}).encode(),
    "many dimensions": json.dumps({"model": "m", "training_file": "f",
                                   "hyperparameters": {"dimensions": ["x"] * 90_000}}).encode(),
    "many hyperparameters": json.dumps({"model": "m", "training_file": "f",
                                        "hyperparameters": {f"k{n}": 1 for n in range(40_000)}}).encode(),
    "a long value": json.dumps({"model": "m", "training_file": "f", "hyperparameters": {"n_epochs": "9" * 900_000}})
    .encode(),
    "huge metadata": json.dumps({"model": "m", "training_file": "f", "metadata": {"k" * 70: "v" * 900_000}}).encode(),
    "much metadata": json.dumps({"model": "m", "training_file": "f",
                                 "metadata": {str(n): "v" for n in range(30_000)}}).encode(),
    "seed": b'{"model":"m","training_file":"f","seed":' + b"9" * 400 + b"}",
    "dimensions": b'{"model":"text-embedding-3-small","input":"a","dimensions":9223372036854775807}',
    "tokens": b'{"model":"m","input":[18446744073709551615,-1]}',
    "pickle": b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    "zip": b"PK\x03\x04" + b"\0" * 500,
    "form": b"model=m&input=a",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_bodies(http: TestClient, services: Services, name: str) -> None:
    """Each is refused in a short sentence, at every path that takes a body, and no job is made."""
    for path in ("embeddings", "fine_tuning/jobs", "fine-tunes", "files"):
        answer = http.post(path, content=BODIES[name])
        assert answer.status_code in (400, 404, 413), (path, answer.text[:500])
        assert answer.json()["error"]["message"]
        assert len(answer.content) < 8000, path
        assert "root:" not in answer.text
    assert services.jobs.list("default").data == ()


def test_keys_that_come_twice(http: TestClient) -> None:
    """Of two values the last counts, for all checks alike: nothing gets by one of them."""
    body = b'{"model":"text-embedding-3-small","model":"no-model","input":"a"}'
    assert http.post("embeddings", content=body).status_code == 404
    assert http.post("embeddings", content=b'{"model":"%s","input":"a","input":""}' % MODEL.encode()).status_code == 400


KINDS = [
    "", "text/plain", "application/xml", "multipart/form-data", "a" * 5000, "application/json;;=;",
    "multipart/form-data; boundary=" + "b" * 3000, "application/x-www-form-urlencoded",
    'multipart/form-data; boundary=""', "multipart/form-data; boundary=\u00e9",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=range(len(KINDS)))
def test_content_types(http: TestClient, kind: str) -> None:
    """JSON is read whatever it is called; a form needs its name and its boundary."""
    headers = {"content-type": kind.encode("latin-1")}
    body = json.dumps({"model": MODEL, "input": "a"}).encode()
    assert http.post("embeddings", content=body, headers=headers).status_code == 200  # type: ignore[arg-type]
    assert http.post("files", content=body, headers=headers).status_code == 400  # type: ignore[arg-type]


@pytest.mark.parametrize("packed", ["gzip", "GZIP", "deflate", "br", "gzip, gzip", "zstd", "x" * 1000])
def test_packed_bodies(http: TestClient, packed: str) -> None:
    """A packed body is refused before a byte of it is unpacked: what is small here may be large there."""
    bomb = gzip.compress(b" " * 5_000_000)
    for path in ("embeddings", "fine_tuning/jobs", "fine-tunes", "files"):
        answer = http.post(path, content=bomb, headers={"content-encoding": packed})
        assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_encoding")
    answer = http.post("embeddings", json={"model": MODEL, "input": "a"}, headers={"content-encoding": "identity"})
    assert answer.status_code == 200


def test_announced_sizes(http: TestClient) -> None:
    """A size that is no number is passed over, one without end is too large: both before the body is read."""
    for announced, status in (("9" * 5000, 413), ("\u00b2".encode("latin-1"), 200), ("-5", 200), ("1e9", 200)):
        headers = {"content-length": announced}
        body = iter([json.dumps({"model": MODEL, "input": "a"}).encode()])
        assert http.post("embeddings", content=body, headers=headers).status_code == status  # type: ignore[arg-type]


def test_many_and_giant_headers(app: FastAPI, services: Services) -> None:
    """Heads over 64 KiB are refused, at open paths too; below that strange headers and hosts change nothing."""
    asking = caller(app, new_key(services))
    giant = [[(f"x-{n}", "v" * 20) for n in range(3000)], [("x-big", "v" * 70_000)]]
    for path in ("models", "http://127.0.0.1/healthz"):
        assert [asking.get(path, headers=headers).status_code for headers in giant] == [431, 431]
    assert asking.get(f"files?purpose={'v' * 60_000}", headers={"x": "v" * 6000}).status_code == 431
    assert asking.get("models", headers=giant[0][:2000]).status_code == 200
    for host in ("[", "a b", "x" * 9000, "localhost:99999999", "", "evil.example/../.."):
        for path in ("models", "nothing", "files/", "embeddings"):
            assert asking.get(path, headers={"host": host}).status_code < 500, (host, path)
    for name in ("x-request-id", "origin", "accept", "content-type", "range", "x-forwarded-for", "cookie"):
        for value in ("\u00ff" * 500, "v" * 50_000, ";;;,,,"):
            answer = asking.get("models", headers={name: value.encode("latin-1")})  # type: ignore[dict-item]
            assert answer.status_code == 200


TEXTS = ["\0", "\u202e", "\ufffe", "\U0010ffff", "e\u0301" * 500, "\u200d" * 2000, " ", "\n" * 3000]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_strange_texts(http: TestClient, text: str) -> None:
    """Any text of Unicode is embedded."""
    answer = http.post("embeddings", json={"model": MODEL, "input": [text, "a"]})
    assert answer.status_code == 200
    assert len(answer.json()["data"]) == 2


class _Touch:
    """What makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self._path,)


def test_model_that_holds_pickles(tmp_path: Path) -> None:
    """A model whose weights are pickled is refused unread: nothing in it is run, and no path is told."""
    folder = save_tiny_model(tmp_path / "model")
    for weights in folder.rglob("*.safetensors"):
        weights.unlink()
    ran = tmp_path / "ran"
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Touch(ran)))
    config = ServeConfig(
        home=tmp_path / "home", default_model=str(folder), aliases={"bad": str(folder)}, backend="torch"
    )
    services = open_services(config)
    http = TestClient(build_app(services), base_url="http://127.0.0.1/v1/", raise_server_exceptions=False)
    for name in ("bad", MODEL):
        answer = http.post("embeddings", json={"model": name, "input": "a"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "model_error")
        assert str(tmp_path) not in answer.text
    services.readiness.prove()
    ready = http.get("http://127.0.0.1/readyz")
    assert ready.status_code == 503
    assert str(tmp_path) not in ready.text
    services.background.close()
    assert not ran.exists()
    pickle.loads((folder / "pytorch_model.bin").read_bytes())  # it would have worked
    assert ran.exists()
