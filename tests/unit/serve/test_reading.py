"""From texts to vectors: cache, one reading, queue or endpoint."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.fakes.hash_encoder import HashEncoder
from tests.fakes.token_encoder import TokenEncoder
from vectune.encode.endpoint_client import EndpointAnswer
from vectune.encode.tokenised import Tokenised
from vectune.records import Role
from vectune.serve.queue import EmbeddingQueue, Overloaded
from vectune.serve.reading import Embedded, ServedModel, embed, read
from vectune.serve.remote_model import Calls, RemoteModel
from vectune.serve.shared_encoder import SharedEncoder
from vectune.serve.text_cache import TextCache

TEXTS = ["red cat", "blue", "red cat rain sun"]
LONG = "word " * 3000


@pytest.fixture
async def queue() -> AsyncIterator[EmbeddingQueue]:
    """A queue at work."""
    made = EmbeddingQueue(batch_tokens=300, most_tokens=100_000)
    made.start()
    yield made
    await asyncio.to_thread(made.close)


class Endpoint:
    """Answers with vectors by hash and a count of ten tokens a text, or none."""

    def __init__(self, counts: bool = True) -> None:
        self.asked: list[str] = []
        self._counts = counts

    def ask(self, texts: Sequence[str]) -> EndpointAnswer:
        self.asked += texts
        return EndpointAnswer(HashEncoder().encode(texts), 10 * len(texts) if self._counts else None)


async def _embedded(model: ServedModel, texts: list[str], queue: EmbeddingQueue, cache: TextCache) -> Embedded:
    return await embed(await read(model, texts, Role.DOCUMENT, queue, cache), queue, cache)


async def test_texts_are_read_once(queue: EmbeddingQueue) -> None:
    """The tokens that were counted are those that are encoded; no text is handed to the model."""
    inner = TokenEncoder()
    found = await _embedded(SharedEncoder(inner), [*TEXTS, LONG], queue, TextCache(0))
    np.testing.assert_allclose(found.vectors, HashEncoder().encode([*TEXTS, "word"]), atol=1e-6)
    assert found.counts.tolist() == [2, 1, 4, 3000]
    assert inner.num_read == 4
    assert inner.as_texts == []


async def test_model_that_reads_texts_alone(queue: EmbeddingQueue) -> None:
    """It is handed texts, and its own count is told."""
    found = await _embedded(SharedEncoder(HashEncoder()), TEXTS, queue, TextCache(0))
    np.testing.assert_allclose(found.vectors, HashEncoder().encode(TEXTS), atol=1e-6)
    assert found.counts.tolist() == [4, 3, 6]


async def test_known_texts_cost_nothing(queue: EmbeddingQueue) -> None:
    """Texts that were asked for before come from the cache, with the same vectors and counts, mixed with new ones in
    the order that is asked for."""
    inner, cache = TokenEncoder(), TextCache(1 << 20)
    model = SharedEncoder(inner)
    await _embedded(model, TEXTS[:2], queue, cache)
    for texts in ([TEXTS[1], TEXTS[2], TEXTS[0]], TEXTS, [TEXTS[2]]):
        found = await _embedded(model, texts, queue, cache)
        np.testing.assert_allclose(found.vectors, HashEncoder().encode(texts), atol=1e-6)
        assert found.counts.tolist() == [len(text.split()) for text in texts]
    assert inner.num_read == 3
    assert sum(inner.batches) == 3


async def test_model_loaded_anew_knows_nothing(queue: EmbeddingQueue) -> None:
    """What is kept belongs to the model that gave it, not to its name."""
    cache = TextCache(1 << 20)
    await _embedded(SharedEncoder(TokenEncoder()), TEXTS, queue, cache)
    again = TokenEncoder()
    await _embedded(SharedEncoder(again), TEXTS, queue, cache)
    assert again.num_read == 3


async def test_remote_model_counts_for_itself(queue: EmbeddingQueue) -> None:
    """The guess before the request becomes the endpoint's own count, also of texts that come from the cache later."""
    endpoint, cache = Endpoint(), TextCache(1 << 20)
    model = RemoteModel(endpoint, Calls(2), "remote")
    reading = await read(model, TEXTS, Role.DOCUMENT, queue, cache)
    assert reading.guessed
    found = await embed(reading, queue, cache)
    assert int(found.counts.sum()) == 30
    again = await _embedded(model, [TEXTS[2], "new"], queue, cache)
    np.testing.assert_allclose(again.vectors, HashEncoder().encode([TEXTS[2], "new"]), atol=1e-6)
    assert again.counts.tolist() == [found.counts[2], 10]
    assert endpoint.asked == [*TEXTS, "new"]


async def test_remote_model_without_a_count(queue: EmbeddingQueue) -> None:
    """Where the endpoint tells no tokens the guess stands."""
    found = await _embedded(RemoteModel(Endpoint(counts=False), Calls(2), "remote"), ["abcdefgh"], queue, TextCache(0))
    assert found.counts.tolist() == [3]


async def test_full_queue_is_told_before_texts_are_read() -> None:
    """Nothing is tokenised for a caller who is refused; what the cache knows is answered all the same."""
    full, cache, inner = EmbeddingQueue(300, 64), TextCache(1 << 20), TokenEncoder()
    model = SharedEncoder(inner)
    cache.put(model.serial, Role.DOCUMENT, ["known"], np.array([1]), HashEncoder().encode(["known"]))
    waiting = asyncio.create_task(full.embed(model, [LONG], Role.DOCUMENT))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await _embedded(model, TEXTS, full, cache)
    assert inner.num_read == 0
    assert (await _embedded(model, ["known"], full, cache)).counts.tolist() == [1]
    waiting.cancel()


class Gated(TokenEncoder):
    """Reads nothing before the gate is open, and finds so many tokens in a word."""

    def __init__(self, tokens_a_word: int = 1) -> None:
        super().__init__(max_tokens=100_000)
        self.gate = threading.Event()
        self._tokens_a_word = tokens_a_word

    def tokenise(self, texts: Sequence[str], role: Role) -> Tokenised:
        assert self.gate.wait(20)
        return super().tokenise([" ".join(text.split() * self._tokens_a_word) for text in texts], role)


async def _all_at_once(
    queue: EmbeddingQueue, inner: Gated, texts: Sequence[str], exact: bool
) -> tuple[list[Embedded], int]:
    """What callers with a text each get who come before anything was read, and how many of them were refused then."""

    async def ask(model: ServedModel, text: str) -> Embedded:
        return await embed(await read(model, [text], Role.DOCUMENT, queue, TextCache(0), exact), queue, TextCache(0))

    model = SharedEncoder(inner)
    asked = [asyncio.create_task(ask(model, text)) for text in texts]
    for _ in range(3):
        await asyncio.sleep(0)
    early = sum(task.done() for task in asked)
    inner.gate.set()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, Embedded | Overloaded) for one in found), found
    return [one for one in found if isinstance(one, Embedded)], early


@pytest.mark.parametrize(("text", "exact", "most"), [(LONG, False, 12_000), ("word", True, 9)])
async def test_room_is_taken_before_texts_are_read(text: str, exact: bool, most: int) -> None:
    """Of many who come to an idle queue at once, those for whom there is room are read and answered; the others are
    refused at once, and nothing of theirs is read. So it is with short texts that must be counted before."""
    queue, inner = EmbeddingQueue(300, most), Gated()
    queue.start()
    answered, early = await _all_at_once(queue, inner, [text] * 64, exact)
    assert (len(answered), early) == (3, 61)
    assert inner.num_read == 3
    assert queue.waiting_tokens == 0
    await asyncio.to_thread(queue.close)


async def test_texts_that_are_read_keep_out_no_short_ones() -> None:
    """A giant text takes a share of the room while it is read: other long ones are let in beside it, and short ones,
    which nobody reads before, whatever is read."""
    queue, inner = EmbeddingQueue(300, 12_000), Gated()
    queue.start()
    asked = [asyncio.create_task(_embedded(SharedEncoder(inner), [LONG * 100], queue, TextCache(0)))]
    asked += [asyncio.create_task(_embedded(SharedEncoder(inner), [LONG], queue, TextCache(0))) for _ in range(2)]
    await asyncio.sleep(0)
    assert queue.waiting_tokens == 11_504
    short = await _embedded(SharedEncoder(TokenEncoder()), TEXTS, queue, TextCache(0))
    assert short.counts.tolist() == [2, 1, 4]
    assert not any(task.done() for task in asked)
    inner.gate.set()
    assert [isinstance(found, Embedded) for found in await asyncio.gather(*asked[1:])] == [True, True]
    await asyncio.gather(asked[0], return_exceptions=True)
    await asyncio.to_thread(queue.close)


async def test_texts_of_more_tokens_than_were_guessed() -> None:
    """The true count stands for the guess once it is known: what there is no room for then is refused, and the queue
    never holds more than it takes; a single request is taken all the same."""
    queue, inner = EmbeddingQueue(300, 12_000), Gated(tokens_a_word=3)
    answered = asyncio.create_task(_all_at_once(queue, inner, [LONG] * 3, False))
    async with asyncio.timeout(20):
        while not (inner.num_read == 3 and queue.waiting_tokens == 9_000):
            await asyncio.sleep(0.01)
    queue.start()
    assert len((await answered)[0]) == 1
    assert queue.waiting_tokens == 0
    await asyncio.to_thread(queue.close)


async def test_room_of_callers_that_left_is_given_back() -> None:
    """Who hangs up while texts are read, or is refused after, leaves the queue as it was."""
    queue, inner = EmbeddingQueue(300, 100_000), Gated()
    task = asyncio.create_task(_embedded(SharedEncoder(inner), [LONG], queue, TextCache(0)))
    await asyncio.sleep(0)
    assert queue.waiting_tokens > 3000
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert queue.waiting_tokens == 0
    inner.gate.set()
    await read(SharedEncoder(inner), [LONG], Role.DOCUMENT, queue, TextCache(0))
    assert queue.waiting_tokens == 0
    await asyncio.to_thread(queue.close)


class Watched(TokenEncoder):
    """Remembers in which threads texts were read."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[str] = []

    def tokenise(self, texts: Sequence[str], role: Role) -> Tokenised:
        self.threads.append(threading.current_thread().name)
        return super().tokenise(texts, role)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    ("texts", "short"),
    [(["w " * 999], True), (["w"] * 2000, True), (["w " * 1001], False), (["w " * 100] * 11, False)],
    ids=["short", "short together", "long", "long together"],
)
async def test_texts_are_tokenised_off_the_event_loop(
    queue: EmbeddingQueue, texts: list[str], short: bool, exact: bool
) -> None:
    """Up to 2,000 characters in all are read by a thread that encodes them, once; more, and what must be counted
    before, in another of the queue. The counts are those of the tokenizer either way."""
    inner = Watched()
    reading = await read(SharedEncoder(inner), texts, Role.DOCUMENT, queue, TextCache(0), exact)
    assert reading.guessed is (short and not exact)
    found = await embed(reading, queue, TextCache(0))
    where = "vectune-embed" if short and not exact else "vectune-read"
    assert all(name.startswith(where) for name in inner.threads)
    assert found.counts.tolist() == [len(text.split()) for text in texts]
    assert inner.num_read == len(texts)
    if not reading.guessed:
        assert reading.counts.tolist() == found.counts.tolist()


@pytest.mark.parametrize("new", [["a new one"], []], ids=["with a short one", "alone"])
async def test_long_texts_that_are_known_are_counted(queue: EmbeddingQueue, new: list[str]) -> None:
    """A request is held to its limits by the tokens of all its texts: those from the cache are no guess either."""
    model, cache = SharedEncoder(TokenEncoder()), TextCache(1 << 20)
    await _embedded(model, [LONG], queue, cache)
    reading = await read(model, [LONG, *new], Role.DOCUMENT, queue, cache)
    assert not reading.guessed
    assert reading.counts.tolist() == [3000, 3][: 1 + len(new)]
    assert (await embed(reading, queue, cache)).counts.tolist() == reading.counts.tolist()


async def test_event_loop_is_free_while_long_texts_are_read(queue: EmbeddingQueue) -> None:
    """The callers of short texts are answered while another's document is still being read."""
    gate = threading.Event()

    class Slow(TokenEncoder):
        def tokenise(self, texts: Sequence[str], role: Role) -> Tokenised:
            assert len(texts[0]) < 100 or gate.wait(20)
            return super().tokenise(texts, role)

    model = SharedEncoder(Slow())
    long = asyncio.create_task(_embedded(model, [LONG], queue, TextCache(0)))
    await asyncio.sleep(0)
    assert (await _embedded(model, ["short"], queue, TextCache(0))).counts.tolist() == [1]
    assert not long.done()
    gate.set()
    assert (await long).counts.tolist() == [3000]


async def test_model_that_reads_behind_its_lock_stays_off_the_event_loop(queue: EmbeddingQueue) -> None:
    """Where counting waits for encoding, even a short text is read in a thread, and not in one of the queue's."""
    threads: list[str] = []

    class Counting(HashEncoder):
        def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
            threads.append(threading.current_thread().name)
            return super().count_tokens(texts)

    await read(SharedEncoder(Counting()), ["a"], Role.DOCUMENT, queue, TextCache(0))
    assert not [name for name in threads if name in ("MainThread", threading.current_thread().name)]
    assert not [name for name in threads if name.startswith("vectune-read")]
