"""The queue before the models."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from tests.fakes.ending_encoder import EndingEncoder
from tests.fakes.hash_encoder import HashEncoder
from tests.fakes.slow_encoder import SlowEncoder
from tests.fakes.token_encoder import TokenEncoder
from vectune.encode.tokenised import Tokenised
from vectune.errors import ModelError
from vectune.records import Role
from vectune.serve.queue import EmbeddingQueue, Overloaded
from vectune.serve.shared_encoder import SharedEncoder

LONG = "word " * 200


@pytest.fixture
async def queue() -> AsyncIterator[EmbeddingQueue]:
    """A queue at work, with small batches."""
    made = EmbeddingQueue(batch_tokens=300, most_tokens=100_000)
    made.start()
    yield made
    await asyncio.to_thread(made.close)


async def _held(queue: EmbeddingQueue, encoder: SlowEncoder) -> asyncio.Task[object]:
    """A first caller whose batch stands at the gate, so that what comes after it waits."""
    first = asyncio.create_task(queue.embed(encoder, ["first"], Role.DOCUMENT))
    assert await asyncio.to_thread(encoder.started.wait, 20)
    return first


async def test_vectors_are_those_of_the_encoder_in_order(queue: EmbeddingQueue) -> None:
    """Short and long texts mixed, many callers at once: each gets its own vectors, in the order of its texts."""
    encoder = HashEncoder()
    draw = random.Random(1)
    requests = [
        [" ".join(f"w{draw.randrange(99)}" for _ in range(draw.choice((2, 90)))) for _ in range(draw.randrange(1, 9))]
        for _ in range(40)
    ]
    found = await asyncio.gather(*(queue.embed(encoder, texts, Role.QUERY) for texts in requests))
    for texts, vectors in zip(requests, found, strict=True):
        np.testing.assert_allclose(vectors, encoder.encode(texts), atol=1e-6)


async def test_no_text_gives_no_vector(queue: EmbeddingQueue) -> None:
    """An empty request is answered at once."""
    assert (await queue.embed(HashEncoder(), [], Role.QUERY)).shape == (0, 32)


async def test_callers_go_through_together(queue: EmbeddingQueue) -> None:
    """Texts that wait for one model and one side are encoded in one call; another side is not mixed in."""
    encoder = SlowEncoder()
    first = await _held(queue, encoder)
    sides = [Role.DOCUMENT, Role.QUERY, Role.DOCUMENT]
    tasks = [asyncio.create_task(queue.embed(encoder, [f"t{place}"], side)) for place, side in enumerate(sides)]
    await asyncio.sleep(0)
    encoder.gate.set()
    await asyncio.gather(first, *tasks)
    assert encoder.batches[1:] == [(("t0", "t2"), Role.DOCUMENT), (("t1",), Role.QUERY)]


async def test_short_texts_pass_long_ones(queue: EmbeddingQueue) -> None:
    """A query that comes after many long documents waits for one batch of them at most."""
    encoder = SlowEncoder()
    first = await _held(queue, encoder)
    documents = asyncio.create_task(queue.embed(encoder, [LONG] * 9, Role.DOCUMENT))
    await asyncio.sleep(0)
    question = asyncio.create_task(queue.embed(encoder, ["short"], Role.DOCUMENT))
    await asyncio.sleep(0)
    encoder.gate.set()
    await asyncio.gather(first, documents, question)
    order = [texts[0] for texts, _ in encoder.batches]
    assert order.index("short") <= 2
    assert len(order) == 11


async def test_texts_of_callers_that_left_are_dropped(queue: EmbeddingQueue) -> None:
    """Who hangs up while waiting costs the model nothing, and gives back the room it took."""
    encoder = SlowEncoder()
    first = await _held(queue, encoder)
    task = asyncio.create_task(queue.embed(encoder, ["never", LONG], Role.DOCUMENT))
    await asyncio.sleep(0)
    assert queue.waiting_tokens > 0
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert queue.waiting_tokens == 0
    encoder.gate.set()
    await first
    assert (await queue.embed(encoder, ["later"], Role.DOCUMENT)).shape == (1, 32)
    assert [texts for texts, _ in encoder.batches] == [("first",), ("later",)]


async def test_full_queue_says_when_to_come_back() -> None:
    """Beyond what may wait a caller is refused at once; a single huge request is taken when nothing waits."""
    queue = EmbeddingQueue(batch_tokens=300, most_tokens=500)
    queue.start()
    encoder = SlowEncoder()
    first = await _held(queue, encoder)
    huge = asyncio.create_task(queue.embed(encoder, [LONG] * 9, Role.DOCUMENT))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await queue.embed(encoder, ["more"], Role.DOCUMENT)
    assert refused.value.retry_after > 0
    assert (refused.value.limit, refused.value.remaining) == (500, 0)
    encoder.gate.set()
    await asyncio.gather(first, huge)
    assert (await queue.embed(encoder, ["more"], Role.DOCUMENT)).shape == (1, 32)
    await asyncio.to_thread(queue.close)


async def test_error_of_a_model_reaches_its_callers_alone(queue: EmbeddingQueue) -> None:
    """What encoding raises is raised to those whose texts were in the batch; the queue goes on."""
    encoder = SlowEncoder()
    encoder.fault = ModelError("No memory.")
    encoder.gate.set()
    with pytest.raises(ModelError, match="No memory"):
        await queue.embed(encoder, ["a", LONG], Role.DOCUMENT)
    assert (await queue.embed(HashEncoder(), ["a"], Role.DOCUMENT)).shape == (1, 32)


async def test_close_lets_waiting_callers_go() -> None:
    """Who still waits when the server stops is cancelled, not left hanging."""
    queue = EmbeddingQueue(batch_tokens=300, most_tokens=100_000)
    queue.start()
    encoder = SlowEncoder()
    first = await _held(queue, encoder)
    waiting = asyncio.create_task(queue.embed(encoder, ["waits"], Role.QUERY))
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(queue.close))
    with pytest.raises(asyncio.CancelledError):
        await waiting
    encoder.gate.set()
    await closing
    assert (await first) is not None


@pytest.mark.timeout(60)
async def test_who_comes_after_the_end_is_let_go_too() -> None:
    """A text that was being read while the queue was closed, or that is to be read now, is not left hanging."""
    queue = EmbeddingQueue(batch_tokens=300, most_tokens=100_000)
    queue.start()
    queue.close()
    with pytest.raises(asyncio.CancelledError):
        await queue.embed(SlowEncoder(), ["late"], Role.QUERY)
    with pytest.raises(asyncio.CancelledError):
        await queue.beside(lambda: 1)
    assert queue.waiting_tokens == 0


async def test_tokens_that_were_read_are_encoded(queue: EmbeddingQueue) -> None:
    """Requests that bring their tokens go through together as tokens, each with its own vectors."""
    inner = TokenEncoder()
    encoder = SharedEncoder(inner)
    requests = [["red cat", LONG, "blue"], ["rain"], [LONG, "sun"]]
    found = await asyncio.gather(
        *(queue.embed(encoder, texts, Role.QUERY, encoder.read(texts, Role.QUERY)) for texts in requests)
    )
    for texts, vectors in zip(requests, found, strict=True):
        expected = HashEncoder().encode(["word" if text == LONG else text for text in texts])
        np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert inner.as_texts == []


async def test_texts_are_read_by_who_encodes_them() -> None:
    """Requests with their tokens and without make one batch, the texts of the latter are read in one call, and each
    request has its own vectors and the counts of its tokens, those that the model does not read included."""
    seen: list[tuple[int, int, float]] = []
    queue = EmbeddingQueue(batch_tokens=300, most_tokens=100_000, observe=lambda *batch: seen.append(batch))
    inner = TokenEncoder(max_tokens=3)
    encoder = SharedEncoder(inner)
    given = ["red cat"]
    read = encoder.read(given, Role.QUERY)
    texts = [["blue sun sea sky", "rain"], ["a b c d e f"]]
    with_tokens = asyncio.create_task(queue.embed(encoder, given, Role.QUERY, read))
    without = [asyncio.create_task(queue.read_and_embed(encoder, some, Role.QUERY)) for some in texts]
    await asyncio.sleep(0)
    queue.start()
    np.testing.assert_allclose(await with_tokens, HashEncoder().encode(given), atol=1e-6)
    for some, task in zip(texts, without, strict=True):
        vectors, counts = await task
        np.testing.assert_allclose(vectors, HashEncoder().encode([" ".join(t.split()[:3]) for t in some]), atol=1e-6)
        assert counts.tolist() == [len(text.split()) for text in some]
    assert inner.num_read == 4
    assert [(tokens, number) for tokens, number, _ in seen] == [(2 + 3 + 1 + 3, 4)]
    assert (queue.waiting_tokens, queue.waiting_texts) == (0, 0)
    await asyncio.to_thread(queue.close)


async def test_reading_that_fails_is_told_and_the_queue_goes_on(queue: EmbeddingQueue) -> None:
    """Texts that the tokenizer does not take are their callers' error."""

    class Picky(TokenEncoder):
        def tokenise(self, texts: Sequence[str], role: Role) -> Tokenised:
            if "bad" in texts:
                raise ValueError("not a text")
            return super().tokenise(texts, role)

    encoder = SharedEncoder(Picky())
    with pytest.raises(ValueError, match="not a text"):
        await queue.read_and_embed(encoder, ["bad"], Role.QUERY)
    assert (await queue.read_and_embed(encoder, ["good"], Role.QUERY))[1].tolist() == [1]
    vectors, counts = await queue.read_and_embed(encoder, [], Role.QUERY)
    assert (vectors.shape, counts.shape) == ((0, 32), (0,))


@pytest.mark.parametrize("says_so", [True, False])
async def test_a_batch_begins_while_another_ends(queue: EmbeddingQueue, says_so: bool) -> None:
    """The next batch runs as soon as the model says that a core is idle, and no earlier; two at a time at most, and a
    request whose texts are in several of them is answered once, with all its vectors."""
    inner = EndingEncoder(says_so)
    encoder = SharedEncoder(inner)
    texts = [f"w{number} " + LONG for number in range(12)]
    tasks = [
        asyncio.create_task(queue.embed(encoder, texts, Role.QUERY, encoder.read(texts, Role.QUERY))) for _ in range(3)
    ]
    assert await asyncio.to_thread(inner.one.wait, 20)
    assert await asyncio.to_thread(inner.two.wait, 20 if says_so else 0.2) == says_so
    assert queue.waiting_texts == 36 - 3 * (1 + says_so)  # a batch holds three texts
    inner.gate.set()
    for vectors in await asyncio.gather(*tasks):
        cut = [" ".join(text.split()[:100]) for text in texts]
        np.testing.assert_allclose(vectors, HashEncoder().encode(cut), atol=1e-6)
    assert inner.most == (2 if says_so else 1)
    assert (queue.waiting_tokens, queue.waiting_texts) == (0, 0)


async def test_real_counts_are_the_budget() -> None:
    """What waits is counted in tokens that the model will read, where they are known; cut ones are not."""
    queue = EmbeddingQueue(batch_tokens=300, most_tokens=100_000)
    encoder = SharedEncoder(TokenEncoder(max_tokens=10))
    texts = ["one two three", LONG]
    task = asyncio.create_task(queue.embed(encoder, texts, Role.QUERY, encoder.read(texts, Role.QUERY)))
    await asyncio.sleep(0)
    assert (queue.waiting_tokens, queue.waiting_texts) == (13, 2)
    queue.start()
    await task
    assert (queue.waiting_tokens, queue.waiting_texts) == (0, 0)
    await asyncio.to_thread(queue.close)


async def test_long_wait_is_refused() -> None:
    """With a pace at which the queue would take too long, callers are told to come back, and when."""
    seen: list[tuple[int, int, float]] = []
    queue = EmbeddingQueue(300, 100_000, most_seconds=1.0, observe=lambda *batch: seen.append(batch))
    queue.start()
    encoder = SlowEncoder()
    first = await _held(queue, encoder)
    await asyncio.sleep(0.05)
    encoder.gate.set()
    await first
    assert [texts for _, texts, _ in seen] == [1]
    pace = seen[0][0] / seen[0][2]
    encoder.gate.clear()
    encoder.started.clear()
    second = await _held(queue, encoder)
    words = int(pace) * 8 + 10  # by characters: more than a second's worth
    waiting = asyncio.create_task(queue.embed(encoder, ["word " * words], Role.DOCUMENT))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await queue.embed(encoder, ["more"], Role.DOCUMENT)
    assert refused.value.retry_after > 1.0
    assert (refused.value.limit, refused.value.remaining) == (100_000, 0)  # there is room, but not in time
    encoder.gate.set()
    await asyncio.gather(second, waiting)
    await asyncio.to_thread(queue.close)


async def test_full_queue_says_so_beforehand() -> None:
    """Who would be refused can know before reading any text; an empty queue refuses nobody."""
    queue = EmbeddingQueue(batch_tokens=300, most_tokens=100)
    queue.refuse_if_full()
    waiting = asyncio.create_task(queue.embed(HashEncoder(), [LONG], Role.DOCUMENT))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        queue.refuse_if_full()
    queue.start()
    await waiting
    queue.refuse_if_full()
    await asyncio.to_thread(queue.close)
