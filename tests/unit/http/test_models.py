"""`/v1/models`, asked by the official client."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import openai
import pytest
from starlette.testclient import TestClient

from tests.unit.http.conftest import MODEL, hash_model
from vectune.config import ServeConfig
from vectune.errors import ModelError
from vectune.http.app import build_app
from vectune.http.models import split_role
from vectune.http.services import Services
from vectune.http.start import open_services
from vectune.jobs.schema import models
from vectune.records import Role
from vectune.serve.models import ModelCache
from vectune.serve.shared_encoder import SharedEncoder

TUNED = "ft:text-embedding-3-small:default:desk:abcdefgh"


@pytest.fixture
def tuned(services: Services) -> str:
    """A tuned model in the registry, of a job `ftjob-1`."""
    row = {"id": TUNED, "project": "default", "created_at": 9, "base": "plain-model", "job": "ftjob-1", "dims": []}
    with services.jobs._database.session() as connection:
        connection.execute(models.insert().values(row | {"location": "models/ftjob-1"}))
    return TUNED


def test_list_and_retrieve(client: openai.OpenAI, tuned: str) -> None:
    """Bases, well-known names and tuned models are listed; each can be retrieved."""
    listed = {model.id: model for model in client.models.list()}
    assert {"plain-model", MODEL, "text-embedding-ada-002", tuned} <= set(listed)
    assert {model.object for model in listed.values()} == {"model"}
    assert client.models.retrieve(tuned).created == 9
    assert client.models.retrieve(f"{MODEL}:query").id == MODEL


def test_default_model_at_a_path(services: Services, tmp_path: Path) -> None:
    """It is listed by the last part of its path alone, and answers to that; the path is no secret to who knows it."""
    place = str(tmp_path / "secret" / "desk")
    opened = open_services(ServeConfig(home=tmp_path / "other", default_model=place))
    app = build_app(replace(services, models=opened.models, config=opened.config))
    http = TestClient(app, base_url="http://127.0.0.1/v1/")
    for path in ("models", "models/desk", "http://127.0.0.1/readyz"):
        answer = http.get(path)
        assert "desk" in answer.text
        assert "secret" not in answer.text
    for name in ("desk", "desk:query", place):
        assert http.post("embeddings", json={"model": name, "input": "a"}).status_code == 200
        assert not opened.models.is_alias(name.removesuffix(":query"))
    for pool in (opened.background, opened.transfers, opened.limits):
        pool.close()


def test_tuned_model_by_each_of_its_names(client: openai.OpenAI, tuned: str) -> None:
    """A tuned model embeds by its own name, by its job's id, and with a side of a search at the end."""
    for name in (tuned, "ftjob-1", f"{tuned}:query", "ftjob-1:document"):
        assert client.embeddings.create(model=name, input="a").model == name


def test_delete(client: openai.OpenAI, services: Services, tuned: str) -> None:
    """A tuned model can be deleted and is let go from memory; a base can't."""
    client.embeddings.create(model=tuned, input="a")
    assert len(services.cache.names) == 1
    assert client.models.delete(tuned).deleted
    assert services.cache.names == ()
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model=tuned, input="a")
    with pytest.raises(openai.BadRequestError):
        client.models.delete(MODEL)


def test_delete_lets_go_of_checkpoints_too(client: openai.OpenAI, services: Services, tuned: str) -> None:
    """Models from the middle of a job go with the model at its end, from the registry and from memory."""
    name = f"{TUNED}:ckpt-step-5"
    row = {"id": name, "project": "default", "created_at": 9, "base": "plain-model", "job": "ftjob-1", "dims": []}
    with services.jobs._database.session() as connection:
        connection.execute(models.insert().values(row | {"location": "models/ftjob-1-step-5", "step": 5}))
    for each in (tuned, name, MODEL):
        client.embeddings.create(model=each, input="a")
    assert len(services.cache.names) == 3
    assert client.models.delete(tuned).deleted
    assert services.cache.names == ("plain-model",)


@pytest.mark.parametrize("name", ["nothing", "some/name", "../../etc", "ft:a:b"])
def test_unknown_models(client: openai.OpenAI, name: str) -> None:
    """Names of no model are a 404 with the code that clients look for, whatever stands in them."""
    for ask in (client.models.retrieve, client.models.delete):
        with pytest.raises(openai.NotFoundError) as missing:
            ask(name)
        assert missing.value.code in ("model_not_found", "unknown_url")


async def test_async_client(async_client: openai.AsyncOpenAI) -> None:
    """The asynchronous client lists and retrieves."""
    assert MODEL in [model.id async for model in async_client.models.list()]
    assert (await async_client.models.retrieve(MODEL)).id == MODEL


def test_side_at_the_end_of_a_name() -> None:
    """Only the two sides are taken off."""
    assert split_role("a:query") == ("a", Role.QUERY)
    assert split_role("ft:a:b:document") == ("ft:a:b", Role.DOCUMENT)
    assert split_role("ft:a:b::c") == ("ft:a:b::c", None)


def test_model_that_another_server_deleted(services: Services, tuned: str) -> None:
    """It is a 404 though its place is still known here and can't be loaded any more; one that is there and can't be
    loaded is damaged, which is a fault."""

    def load(name: str) -> SharedEncoder:
        if name.endswith("ftjob-1"):
            raise ModelError("There are no weights in it.")
        return hash_model(name)

    services.models._clock = lambda: 0.0  # what is known stays so
    app = build_app(replace(services, cache=ModelCache(load, 1 << 30, lambda name: 0)))
    http = TestClient(app, base_url="http://127.0.0.1/v1/")
    damaged = http.post("embeddings", json={"model": tuned, "input": "a"})
    assert (damaged.status_code, damaged.json()["error"]["code"]) == (500, "model_error")
    with services.jobs._database.session() as connection:
        connection.execute(models.delete())
    gone = http.post("embeddings", json={"model": tuned, "input": "a"})
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "model_not_found")
