"""A remote model behind an alias: embeddings from the endpoint, and jobs that train an adapter on top of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openai
import pytest

from tests.fakes.embeddings_endpoint import KEY, EmbeddingsEndpoint, Fault
from tests.fakes.embeddings_endpoint import serving as endpoint_serving
from tests.fakes.hash_encoder import HashEncoder
from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from tests.functional.service_process import Service, serving

MODEL = "text-embedding-3-small"
_PATIENCE = 120.0


@pytest.fixture(scope="module")
def place() -> Iterator[EmbeddingsEndpoint]:
    """An endpoint that counts two tokens a word."""
    endpoint = EmbeddingsEndpoint()
    endpoint.tokens_a_word = 2
    with endpoint_serving(endpoint):
        yield endpoint


@pytest.fixture(scope="module")
def service(
    place: EmbeddingsEndpoint, tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A server that answers for the endpoint's models, with its key in a variable of its own."""
    folder = tmp_path_factory.mktemp("upstream")
    os.environ["THE_UPSTREAM_KEY"] = KEY
    os.environ["VECTUNE_CACHE"] = str(folder / "cache")
    settings = ("--set", f"upstream.url={place.url}", "--set", "upstream.key_variable=THE_UPSTREAM_KEY")
    try:
        with serving(folder, tiny_model_folder, *settings) as service:
            yield service
    finally:
        del os.environ["THE_UPSTREAM_KEY"], os.environ["VECTUNE_CACHE"]


@pytest.fixture
def client(service: Service) -> openai.OpenAI:
    """The official client; it tries nothing twice."""
    return openai.OpenAI(base_url=service.url, api_key="none", max_retries=0)


def test_vectors_are_the_endpoints(client: openai.OpenAI, place: EmbeddingsEndpoint, tiny_model_folder: Path) -> None:
    """The alias answers with the endpoint's vectors and count, the local base by its own name with its own."""
    answer = client.embeddings.create(model=MODEL, input=["red cat", "blue"])
    np.testing.assert_allclose(
        [entry.embedding for entry in answer.data], HashEncoder().encode(["red cat", "blue"]), atol=1e-6
    )
    assert answer.usage.prompt_tokens == 6
    assert place.requests[-1]["model"] == MODEL
    assert place.keys == {KEY}
    short = client.embeddings.create(model=MODEL, input="red cat", dimensions=8)
    assert len(short.data[0].embedding) == 8
    before = len(place.requests)
    assert len(client.embeddings.create(model=str(tiny_model_folder), input="red1").data[0].embedding) == 32
    assert len(place.requests) == before


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        (Fault(401, message=f"wrong key {KEY}"), 502, "does not answer"),
        (Fault(500), 502, "error (500)"),
        (Fault(503), 503, "no time"),
        (Fault(400, message=f"too long, says {KEY}"), 400, "too long, says ***"),
        (Fault(429, {"retry-after": "7"}), 429, "no more requests"),
    ],
)
def test_failures_of_the_endpoint(
    client: openai.OpenAI, place: EmbeddingsEndpoint, service: Service, fault: Fault, status: int, said: str
) -> None:
    """Each has a status of ours and OpenAI's shape; neither answer nor log has the key, nor the answer the address."""
    place.faults = [fault]
    with pytest.raises(openai.APIStatusError) as refused:
        client.embeddings.create(model=MODEL, input="red")
    assert refused.value.status_code == status
    assert said in refused.value.message
    assert place.url not in refused.value.message
    assert KEY not in refused.value.response.text + service.log.read_text(encoding="utf-8")
    if status == 429:
        headers = refused.value.response.headers
        assert headers["retry-after"] == "7"
        assert headers["x-ratelimit-remaining-requests"] == "0"
        assert headers["x-ratelimit-reset-requests"] == "7s"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (
            {"method": {"type": "supervised", "supervised": {"hyperparameters": {"method": "full"}}}},
            "method.supervised.hyperparameters.method",
        ),
        ({"hyperparameters": {"method": "full"}}, "hyperparameters.method"),
    ],
)
def test_methods_without_weights_are_refused(client: openai.OpenAI, body: dict[str, object], param: str) -> None:
    """A job that wants weights is refused when it is made, with the path of the method as the request has it."""
    file = client.files.create(file=("rows.jsonl", b'{"query": "a", "positive": "b"}\n'), purpose="fine-tune")
    with pytest.raises(openai.BadRequestError) as refused:
        client.fine_tuning.jobs.create(model=MODEL, training_file=file.id, extra_body=body)
    assert "weights" in refused.value.message
    assert refused.value.param == param


@pytest.mark.parametrize(
    "row",
    ['{{"text": "red{n} cat{m}", "label": "l{m}"}}', '{{"text1": "red{n}", "text2": "cat{m}", "score": 0.{m}}}'],
)
def test_rows_without_queries_have_no_adapter(client: openai.OpenAI, place: EmbeddingsEndpoint, row: str) -> None:
    """Labelled rows and scored pairs have no side to move: the job fails with a sentence, and sends no row."""
    lines = "\n".join(row.format(n=n, m=n % 4) for n in range(200)).encode()
    file = client.files.create(file=("rows.jsonl", lines), purpose="fine-tune")
    place.texts.clear()
    job = client.fine_tuning.jobs.create(model=MODEL, training_file=file.id)
    _until(lambda: client.fine_tuning.jobs.retrieve(job.id).status in ("succeeded", "failed"))
    error = client.fine_tuning.jobs.retrieve(job.id).error
    assert error is not None
    assert "An adapter moves queries towards documents" in error.message
    assert "pairs" in error.message
    assert not [text for text in place.texts if "red" in text]


def test_adapter_on_top_of_the_endpoint(
    client: openai.OpenAI, place: EmbeddingsEndpoint, service: Service, tmp_path: Path
) -> None:
    """A job on the alias trains an adapter, though its worker is killed in the middle; no text is asked for twice.

    The tuned model moves queries and leaves documents as the endpoint has them; its base need not be here.
    """
    rows = write_jsonl(tmp_path / "rows.jsonl", overlapping_pairs(60))
    file = client.files.create(file=rows, purpose="fine-tune")
    place.texts.clear()
    job = client.fine_tuning.jobs.create(model=MODEL, training_file=file.id, hyperparameters={"n_epochs": 20})
    _until(lambda: place.texts)
    os.kill(_worker(service), signal.SIGKILL)
    _until(lambda: client.fine_tuning.jobs.retrieve(job.id).status in ("succeeded", "failed"))
    done = client.fine_tuning.jobs.retrieve(job.id)
    assert done.status == "succeeded", done.error
    assert sum(count > 1 for count in place.texts.values()) <= 128  # one batch may have been on its way
    events = [event.message for event in client.fine_tuning.jobs.list_events(job.id, limit=100)]
    assert any("adapter" in message and "upstream" in message for message in events)
    assert KEY not in "".join(events) + service.log.read_text(encoding="utf-8")
    name = str(done.fine_tuned_model)
    vectors = {
        side: np.array(client.embeddings.create(model=f"{name}:{side}", input="red1 cat2").data[0].embedding)
        for side in ("query", "document")
    }
    base = HashEncoder().encode(["red1 cat2"])[0]
    np.testing.assert_allclose(vectors["document"], base, atol=1e-6)
    assert np.isclose(np.linalg.norm(vectors["query"]), 1.0, atol=1e-5)
    answer = client.embeddings.create(model=job.id, input="red1 cat2")
    assert answer.usage.prompt_tokens == 4
    assert client.models.delete(name).deleted


def _until(ask: object) -> None:
    until = time.monotonic() + _PATIENCE
    while not ask():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.02)


def _worker(service: Service) -> int:
    """The process that runs jobs."""
    pid = service.process.pid
    children = "".join(
        (task / "children").read_text(encoding="ascii") for task in Path(f"/proc/{pid}/task").iterdir()
    ).split()  # fmt: skip
    return next(
        int(child) for child in children if b"vectune.jobs.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
    )
