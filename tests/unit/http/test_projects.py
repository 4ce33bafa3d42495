"""Files, jobs and models of one project do not exist for another: every route of the document is tried."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.unit.http.conftest import MODEL, ROWS
from tests.unit.http.keyed import caller, new_key
from vectune.http.services import Services
from vectune.jobs.event_log import NewEvent, append
from vectune.jobs.files import RESULTS
from vectune.jobs.job import NewJob
from vectune.jobs.schema import checkpoints, models

KINDS = ("fine_tuning.job", "fine-tune")


@dataclass(frozen=True)
class Things:
    """Ids of all that a project has, by kind."""

    files: tuple[str, ...]
    jobs: tuple[str, ...]
    events: tuple[str, ...]
    checkpoints: tuple[str, ...]
    models: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.files, *self.jobs, *self.events, *self.checkpoints, *self.models)


def things_of(services: Services, project: str) -> Things:
    """A file, its result, a job of each interface with an event and a checkpoint, and the models of both."""
    file = services.files.create(project, "rows.jsonl", "fine-tune", iter([ROWS])).id
    result = services.files.put(f"file-{project}result", project, "verdict.json", RESULTS, iter([b"{}"])).id
    jobs = [services.jobs.create(project, NewJob(MODEL, file, suffix=project, kind=kind)).id for kind in KINDS]
    names, found = [], []
    with services.jobs._database.session() as connection:
        for job in jobs:
            append(connection, job, NewEvent("told", f"{project} says so"), time.time())
            tuned = f"ft:plain-model:{project}:{project}:{job[-8:]}"
            for name, step in ((tuned, None), (f"{tuned}:ckpt-step-10", 10)):
                row = {"id": name, "project": project, "job": job, "step": step, "base": MODEL, "created_at": 9}
                connection.execute(models.insert().values(row | {"location": f"models/{job}-{step}", "dims": []}))
                names.append(name)
            row = {"id": f"ftckpt_{job}", "job": job, "created_at": 5, "step_number": 10, "metrics": {"step": 10}}
            connection.execute(checkpoints.insert().values(row | {"model_name": f"{tuned}:ckpt-step-10"}))
            found.append(f"ftckpt_{job}")
            names += [job, f"{job}:ckpt-step-10", f"{tuned}:query", f"{job}:document"]
    events = [event.id for job in jobs for event in services.jobs.events_since(project, job, 0)]
    return Things((file, result), tuple(jobs), tuple(events), tuple(found), tuple(names))


@pytest.fixture
def theirs(services: Services) -> Things:
    """What the other project has."""
    return things_of(services, "theirs")


@pytest.fixture
def ours(services: Services) -> Things:
    """What the caller's project has."""
    return things_of(services, "ours")


@pytest.fixture
def http(app: FastAPI, services: Services, theirs: Things, ours: Things) -> TestClient:
    """Raw requests of our project."""
    return caller(app, new_key(services, "ours"))


@pytest.fixture
def owner(app: FastAPI, services: Services, theirs: Things) -> TestClient:
    """Raw requests of the other project."""
    return caller(app, new_key(services, "theirs"))


@pytest.fixture
def routes(http: TestClient) -> dict[str, list[str]]:
    """Every path below /v1 with its methods."""
    paths = http.get("http://127.0.0.1/openapi.json").json()["paths"]
    return {path: list(operations) for path, operations in paths.items() if path.startswith("/v1")}


def _ask(http: TestClient, method: str, path: str, name: str, **more: Any) -> tuple[int, str]:
    """Status and text of an answer, the id in it left out."""
    answer = http.request(method, f"http://127.0.0.1{path.replace('{name}', name)}", **more)
    plain = name.removesuffix(":query").removesuffix(":document")
    return answer.status_code, answer.text.replace(plain, "NAME")


def _unlike(name: str) -> str:
    """An id of the same look that nobody has."""
    if "theirs" in name:
        return name.replace("theirs", "nobody")
    return f"{name[:12]}{'x' if name[12] != 'x' else 'y'}{name[13:]}"


def test_every_path_with_a_name(
    http: TestClient, owner: TestClient, routes: dict[str, list[str]], theirs: Things
) -> None:
    """What is another project's answers 404 at every route with a name, in the words for what is nowhere; it stays."""
    before = [_state(owner, theirs)]
    named = [(method, path) for path, methods in routes.items() for method in methods if "{" in path]
    assert len(named) > 12
    for method, path in named:
        for name in theirs.all:
            nowhere = _unlike(name)
            found = _ask(http, method, path, name)
            assert found[0] == 404, (method, path, name, found)
            assert found == _ask(http, method, path, nowhere), (method, path, name)
    assert _ask(http, "GET", "/v1/fine-tunes/{name}/events?stream=true", theirs.jobs[0])[0] == 404
    assert before == [_state(owner, theirs)]


def _state(owner: TestClient, theirs: Things) -> list[str]:
    """What the owner sees of its things, which are all there."""
    paths = [f"files/{name}" for name in theirs.files] + [f"fine_tuning/jobs/{name}" for name in theirs.jobs]
    paths += [f"fine_tuning/jobs/{name}/{what}" for name in theirs.jobs for what in ("events", "checkpoints")]
    paths += [f"models/{name}" for name in theirs.models] + ["models", "files", "fine_tuning/jobs", "fine-tunes"]
    answers = [owner.get(path) for path in paths]
    assert {answer.status_code for answer in answers} == {200}
    text = [answer.text for answer in answers]
    assert all(name in "".join(text) for name in (*theirs.files, *theirs.jobs, *theirs.events, *theirs.checkpoints))
    return text


def test_every_list(http: TestClient, routes: dict[str, list[str]], theirs: Things, ours: Things) -> None:
    """Lists hold our own things alone, also after an id of another project's, by its metadata or its purpose."""
    lists = [path for path, methods in routes.items() if "get" in methods and "{" not in path]
    assert len(lists) >= 4
    for path in lists:
        answer = http.get(f"http://127.0.0.1{path}")
        assert answer.status_code == 200
        assert any(name in answer.text for name in ours.all), path
        assert "theirs" not in answer.text
        assert not [name for name in theirs.all if name in answer.text]
        for name in theirs.all:
            after = http.get(f"http://127.0.0.1{path}", params={"after": name})
            assert after.status_code in (200, 404)
            assert "theirs" not in after.text.replace(name, "")
    for job in ours.jobs:
        for what, names in (("events", theirs.events), ("checkpoints", theirs.checkpoints)):
            for name in names:
                assert http.get(f"fine_tuning/jobs/{job}/{what}", params={"after": name}).status_code == 404


def test_every_path_that_makes_something(
    http: TestClient, routes: dict[str, list[str]], theirs: Things, ours: Things, services: Services
) -> None:
    """Names in a body are of our project too: models to embed with and to start from, files to tune on."""

    def bodies(path: str, name: str) -> list[dict[str, Any]]:
        if path == "/v1/embeddings":
            return [{"model": name, "input": "a"}]
        whole = {"model": MODEL, "training_file": ours.files[0]}
        return [whole | {field: name} for field in ("model", "training_file", "validation_file")]

    making = {path for path, methods in routes.items() if "post" in methods and "{" not in path}
    assert making == {"/v1/embeddings", "/v1/files", "/v1/fine_tuning/jobs", "/v1/fine-tunes"}
    before = len(services.jobs.list("ours", limit=100).data)
    for path in sorted(making - {"/v1/files"}):
        for name in theirs.all:
            for theirs_body, nowhere in zip(bodies(path, name), bodies(path, _unlike(name)), strict=True):
                status, text = _ask(http, "post", path, name, json=theirs_body)
                assert status == 404, (path, theirs_body)
                assert (status, text) == _ask(http, "post", path, _unlike(name), json=nowhere), (path, theirs_body)
    assert len(services.jobs.list("ours", limit=100).data) == before
    assert http.post("embeddings", json={"model": ours.models[0], "input": "a"}).status_code == 200


def test_uploads_go_to_the_callers_project(http: TestClient, services: Services, theirs: Things) -> None:
    """What is uploaded with a key belongs to its project and to no other, whatever is said about it."""
    form = {"purpose": "fine-tune", "project": "theirs", "organization_id": "theirs"}
    headers = {"openai-project": "theirs", "openai-organization": "theirs"}
    made = http.post("files", files={"file": ("a.jsonl", ROWS)}, data=form, headers=headers).json()["id"]
    assert made in [file.id for file in services.files.list("ours").data]
    assert made not in [file.id for file in services.files.list("theirs").data]


def test_bases_are_everybodys(http: TestClient, owner: TestClient) -> None:
    """Only tuned models have an owner."""
    for asking in (http, owner):
        assert asking.post("embeddings", json={"model": MODEL, "input": "a"}).status_code == 200
        assert asking.get(f"models/{MODEL}").status_code == 200
