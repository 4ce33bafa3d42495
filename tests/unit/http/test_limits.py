"""What each key may still do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import openai
import pytest
from starlette.testclient import TestClient

from tests.fakes.hash_encoder import HashEncoder
from tests.unit.http.conftest import MODEL, ROWS
from tests.unit.http.keyed import caller, new_key
from vectune.encode.endpoint_client import EndpointAnswer
from vectune.http.app import build_app
from vectune.http.limits import Bucket, CallerLimits, span
from vectune.http.services import Services
from vectune.jobs.keys import Caller
from vectune.jobs.quotas import LimitReached, QuotaSpent, Usage
from vectune.serve.models import ModelCache
from vectune.serve.queue import Overloaded
from vectune.serve.remote_model import Calls, RemoteModel, UpstreamBusy, UpstreamFailed, UpstreamSilent


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(services: Services, clock: Clock) -> Services:
    """The services with a clock of our own."""
    return replace(services, limits=CallerLimits(Usage(services.jobs._database, 60), clock))


def asking(services: Services, **limits: int) -> TestClient:
    """Raw requests with a key that has limits."""
    return caller(build_app(services), new_key(services, **limits))


def test_requests_a_minute(timed: Services, clock: Clock) -> None:
    """So many at once, then one whenever there is room again; the answer says when, in the headers clients read."""
    http = asking(timed, requests_a_minute=3)
    assert [http.get("models").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = http.get("models")
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert (refused.headers["retry-after"], refused.headers["retry-after-ms"]) == ("20", "20000")
    clock.now += 20
    assert [http.get("models").status_code for _ in range(2)] == [200, 429]


def test_headers_of_a_limited_key(timed: Services, clock: Clock) -> None:
    """Every answer tells the limits, what is left and when they are whole again, errors among them."""
    http = asking(timed, requests_a_minute=60, tokens_a_minute=600)
    answer = http.post("embeddings", json={"model": MODEL, "input": ["a b", "c"]})
    told = {name: value for name, value in answer.headers.items() if name.startswith("x-ratelimit")}
    assert told == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "600",
        "x-ratelimit-remaining-tokens": "593",
        "x-ratelimit-reset-tokens": "700ms",
    }
    for path in ("models", "nothing", "files/file-none", "fine_tuning/jobs?limit=0"):
        assert http.get(path).headers["x-ratelimit-limit-requests"] == "60"
    clock.now += 60
    assert http.get("nothing").headers["x-ratelimit-remaining-requests"] == "59"


def test_keys_without_limits_have_no_headers(services: Services) -> None:
    """Nothing is told where nothing is limited."""
    answer = asking(services).get("models")
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


def test_tokens_a_minute(timed: Services, clock: Clock) -> None:
    """Tokens are counted as the answer counts them; a request that could never fit says so and is not repeated."""
    http = asking(timed, tokens_a_minute=10)
    first = http.post("embeddings", json={"model": MODEL, "input": "a b c"})
    assert first.json()["usage"]["total_tokens"] == 5
    assert http.post("embeddings", json={"model": MODEL, "input": "a b c"}).status_code == 200
    refused = http.post("embeddings", json={"model": MODEL, "input": "a"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "18")
    huge = http.post("embeddings", json={"model": MODEL, "input": "a " * 20})
    assert (huge.status_code, huge.headers["x-should-retry"]) == (429, "false")
    clock.now += 18
    assert http.post("embeddings", json={"model": MODEL, "input": "a"}).status_code == 200


def test_token_quota(timed: Services) -> None:
    """A spent quota is a 429 of its own kind, which outlives the server; the tokens of a minute are given back."""
    http = asking(timed, tokens_in_all=7, tokens_a_minute=100)
    assert http.post("embeddings", json={"model": MODEL, "input": "a b c"}).status_code == 200
    refused = http.post("embeddings", json={"model": MODEL, "input": "a b"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
    assert refused.json()["error"]["type"] == "insufficient_quota"
    assert refused.headers["x-ratelimit-remaining-tokens"] == "95"
    timed.limits.close()
    (key,) = timed.keys.list()
    assert key.tokens_used == 5


def test_keys_do_not_share(timed: Services) -> None:
    """What one key spent is not taken from another, of the same project or not."""
    first, second = asking(timed, requests_a_minute=1), asking(timed, requests_a_minute=1)
    assert [first.get("models").status_code for _ in range(2)] == [200, 429]
    assert second.get("models").status_code == 200


def test_job_limits_over_http(services: Services) -> None:
    """Jobs at once are limited at both interfaces; cancelling makes room, and the client hears when to come back."""
    http = asking(services, jobs_at_once=1)
    client = openai.OpenAI(
        base_url="http://127.0.0.1/v1", api_key=http.headers["authorization"][7:], http_client=http, max_retries=0
    )
    file = client.files.create(file=("a.jsonl", ROWS), purpose="fine-tune").id
    job = client.fine_tuning.jobs.create(model=MODEL, training_file=file)
    for path in ("fine_tuning/jobs", "fine-tunes"):
        refused = http.post(path, json={"model": MODEL, "training_file": file})
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert int(refused.headers["retry-after"]) > 0
    client.fine_tuning.jobs.cancel(job.id)
    assert client.fine_tuning.jobs.create(model=MODEL, training_file=file).status in ("validating_files", "queued")


def test_bucket() -> None:
    """Full at first, never fuller, and empty means waiting."""
    bucket = Bucket(60, 60.0, 0.0)
    assert bucket.take(60, 0.0) == 0.0
    assert bucket.take(5, 1.0) == pytest.approx(4.0)
    assert bucket.filled(1000.0) == 60.0
    assert bucket.seconds_to_full(1.0) == pytest.approx(59.0)


@pytest.mark.parametrize(("seconds", "told"), [(0.012, "12ms"), (0, "0ms"), (1.5, "1.5s"), (59, "59s"), (360, "6m0s")])
def test_spans(seconds: float, told: str) -> None:
    """Times are told as OpenAI's headers have them."""
    assert span(seconds) == told


class FailingQueue:
    """Takes texts and fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def room_for(self, tokens: int) -> AbstractContextManager[int]:
        return nullcontext(tokens)

    async def embed(self, *given: object, **named: object) -> None:
        raise self._error


def limited(services: Services, **limits: int) -> Caller:
    """The holder of a new key."""
    found = services.keys.find(new_key(services, **limits))
    assert found is not None
    return found


def left(services: Services, who: Caller) -> int:
    """Tokens that the key may still use this minute."""
    return int(services.limits.headers(who)["x-ratelimit-remaining-tokens"])


@pytest.mark.parametrize(
    "error",
    [Overloaded(1.0), UpstreamBusy(1.0), UpstreamSilent("Away."), UpstreamFailed("Broken."), RuntimeError("Fault.")],
    ids=lambda error: type(error).__name__,
)
def test_request_that_fails_costs_nothing(timed: Services, error: Exception) -> None:
    """Tokens of a request that was not answered are there for the next one, of the minute and of the quota."""
    failing = asking(replace(timed, queue=FailingQueue(error)), tokens_a_minute=10, tokens_in_all=10)  # type: ignore[arg-type]
    body = {"model": MODEL, "input": "a b c"}
    assert all(failing.post("embeddings", json=body).status_code >= 429 for _ in range(5))
    good = caller(build_app(timed), failing.headers["authorization"].removeprefix("Bearer "))
    assert [good.post("embeddings", json=body).status_code for _ in range(3)] == [200, 200, 429]
    timed.limits.close()
    (key,) = timed.keys.list()
    assert key.tokens_used == 10


def test_size_that_no_vector_has_costs_nothing(timed: Services) -> None:
    """It is refused before anything is encoded or counted."""
    never = FailingQueue(AssertionError("the texts were encoded"))
    http = asking(replace(timed, queue=never), tokens_a_minute=10)  # type: ignore[arg-type]
    refused = http.post("embeddings", json={"model": MODEL, "input": "a", "dimensions": 33})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "dimensions")
    assert refused.headers["x-ratelimit-remaining-tokens"] == "10"


async def test_cancelled_request_costs_nothing(timed: Services) -> None:
    """A caller that left, or a server that ends, gives the tokens back; while it lasts they are taken."""
    who = limited(timed, tokens_a_minute=10, tokens_in_all=10)

    async def answering() -> None:
        with timed.limits.charging(who, 8):
            await asyncio.Event().wait()

    task = asyncio.create_task(answering())
    await asyncio.sleep(0)
    assert left(timed, who) == 2
    with pytest.raises(LimitReached):
        timed.limits.hold(who, 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left(timed, who) == 10
    with timed.limits.charging(who, 10):
        pass
    timed.limits.close()


def test_quota_of_requests_at_the_same_time(timed: Services) -> None:
    """What others under way may cost is not given away twice; what they did not use is free again."""
    who = limited(timed, tokens_in_all=10)
    with timed.limits.charging(who, 8) as first:
        with pytest.raises(QuotaSpent, match="2 of its 10 tokens left"), timed.limits.charging(who, 3):
            pass
        first.tokens = 5
    with timed.limits.charging(who, 5):
        pass
    with pytest.raises(QuotaSpent), timed.limits.charging(who, 1):
        pass
    timed.limits.close()
    (key,) = timed.keys.list()
    assert key.tokens_used == 10


def test_more_than_was_guessed_is_owed(timed: Services, clock: Clock) -> None:
    """What a request really took counts, though it be more than was left: the key waits until it is made up for."""
    who = limited(timed, tokens_a_minute=10)
    with timed.limits.charging(who, 5) as charge:
        charge.tokens = 25
    assert left(timed, who) == 0
    with pytest.raises(LimitReached) as refused, timed.limits.charging(who, 1):
        pass
    assert refused.value.retry_after == pytest.approx(96)
    clock.now += 97
    assert left(timed, who) == 1
    timed.limits.close()


class Endpoint:
    """Answers by hash, and counts ten tokens a text."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def ask(self, texts: Sequence[str]) -> EndpointAnswer:
        self.asked.append(list(texts))
        return EndpointAnswer(HashEncoder().encode(texts), 10 * len(texts))


def behind(endpoint: Endpoint) -> ModelCache:
    """Models that lie behind an endpoint, whatever they are called."""
    return ModelCache(lambda name: RemoteModel(endpoint, Calls(1), name), 1 << 30, lambda name: 0)


def test_size_that_no_remote_vector_has_is_paid_for_once(timed: Services) -> None:
    """How long its vectors are, only the endpoint can tell: what was sent there to learn it is paid for, though the
    request is refused then. From there on nothing is sent."""
    endpoint = Endpoint()
    http = asking(replace(timed, cache=behind(endpoint)), tokens_a_minute=100, tokens_in_all=100)
    for _ in range(3):
        refused = http.post("embeddings", json={"model": MODEL, "input": "red", "dimensions": 33})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "dimensions")
        assert refused.headers["x-ratelimit-remaining-tokens"] == "90"
    assert endpoint.asked == [["red"]]
    timed.limits.close()
    (key,) = timed.keys.list()
    assert key.tokens_used == 10


def test_remote_model_costs_what_its_endpoint_counts(timed: Services) -> None:
    """Before the request its tokens are guessed; the endpoint's own count is what the key pays, as `usage` says."""
    http = asking(replace(timed, cache=behind(Endpoint())), tokens_a_minute=100, tokens_in_all=100)
    answer = http.post("embeddings", json={"model": MODEL, "input": ["red", "blue"]})
    assert answer.json()["usage"]["total_tokens"] == 20
    assert answer.headers["x-ratelimit-remaining-tokens"] == "80"
    timed.limits.close()
    (key,) = timed.keys.list()
    assert key.tokens_used == 20
