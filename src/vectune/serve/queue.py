"""One bounded queue before the models: texts of many callers go through a model together."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vectune.encode.encoder import Vectors
from vectune.encode.tokenised import Idle, Tokenised
from vectune.encode.tokens import Tokens, concatenate
from vectune.errors import CapacityError
from vectune.records import Role
from vectune.serve.lanes import Lane, Piece, Request, pieces_of
from vectune.serve.once import Once
from vectune.serve.pace import Pace
from vectune.serve.shared_encoder import SharedEncoder

_CHARS_A_TOKEN = 4
_TOKENS_A_TEXT = 2
_RUNNERS = 2
_READERS = 2
"""Threads that read texts: one caller's documents do not hold up another's."""
_SHARES = 3
"""One request keeps this part of the queue's room at most while its texts are read: a giant text, which is refused once
its tokens are counted, does not keep out all others."""

T = TypeVar("T")

Observe = Callable[[int, int, float], None]
"""Hears of each batch: its tokens, its texts, and the seconds it took."""


class Overloaded(CapacityError):  # noqa: N818 - what the server is, told to its callers
    """More texts wait than the queue may hold.

    `retry_after` is when it is worth coming back, in seconds; `limit` is how many tokens may wait, `remaining` how many
    would be taken now.
    """

    code = "server_is_overloaded"

    def __init__(
        self, retry_after: float, limit: int = 0, remaining: int = 0,
        message: str = "The server has more texts waiting than it takes.",
    ) -> None:  # fmt: skip
        super().__init__(message, f"Try again in {retry_after:.1f} s.")
        self.retry_after = retry_after
        self.limit = limit
        self.remaining = remaining


class EmbeddingQueue:
    """Owns two threads in which models run, and some that read texts for them. Short and long texts wait in lanes of
    their own, taken in turn, so that a query never waits for more than one batch of documents and the end of another.
    What came while a batch ran makes the next one: nothing is waited for. One thread runs a batch; the other takes the
    next as soon as the first says that a core is idle, so that none stands still while a batch ends. Texts of callers
    that left are dropped.

    `batch_tokens` is about the size of a batch, `most_tokens` what may wait, `most_seconds` how long it may take at the
    present pace. `observe` is called in the queue's threads.
    """

    def __init__(
        self, batch_tokens: int, most_tokens: int, most_seconds: float = float("inf"), observe: Observe | None = None
    ) -> None:
        self._batch_tokens = batch_tokens
        self._most_tokens = most_tokens
        self._most_seconds = most_seconds
        self._observe = observe
        self._lanes = (Lane(), Lane())
        self._turn = 0
        self._waiting = 0
        self._being_read = 0
        """Tokens, as they are guessed, of the texts that wait for a thread that reads them or are in one."""
        self._pace = Pace()
        self._changed = threading.Condition()
        self._closed = False
        self._ended = 0.0
        """When the last batch ended: what two did at the same time counts once."""
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="vectune-read")
        self._patient = ThreadPoolExecutor(_READERS, thread_name_prefix="vectune-wait")
        self._next_one = threading.Lock()
        """Held by the thread that waits for a batch, and until a core is idle in the one that runs it."""
        self._threads = [
            threading.Thread(target=self._work, name=f"vectune-embed-{number}", daemon=True)
            for number in range(_RUNNERS)
        ]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End after the batch that runs; callers that still wait are cancelled."""
        with self._changed:
            self._closed = True
            waiting = {piece.request for lane in self._lanes for piece in lane.pieces}
            self._changed.notify_all()
        for request in waiting:
            _call(request.loop, request.future.cancel)
        for pool in (self._readers, self._patient):
            pool.shutdown(wait=False, cancel_futures=True)
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    @property
    def waiting_tokens(self) -> int:
        """How many tokens wait, those of texts that are being read as they are guessed."""
        return self._waiting + self._being_read

    @property
    def waiting_texts(self) -> int:
        """How many texts wait."""
        with self._changed:
            return sum(len(piece.rows) for lane in self._lanes for piece in lane.pieces)

    def refuse_if_full(self) -> None:
        """Overloaded when no text would be taken now: said before anybody reads the texts."""
        with self._changed:
            self._refuse_if_full(1)

    @contextmanager
    def room_for(self, tokens: int) -> Iterator[int]:
        """Room for texts of about so many tokens while they are read, as others that are read leave it; Overloaded when
        there is none. Gives how much of it is kept: a share of the queue at most, however long the texts are.

        Whoever puts them into the queue right after the block, before anybody else of the event loop has a turn, finds
        this room there.
        """
        kept = min(tokens, self._most_tokens // _SHARES)
        with self._changed:
            self._refuse_if_full(kept, self._being_read)
            self._being_read += kept
        try:
            yield kept
        finally:
            with self._changed:
                self._being_read -= kept

    async def beside(self, work: Callable[[], T], *, waits: bool = False) -> T:
        """What `work` gives, done in a thread that reads texts: those of asyncio may all look something up. Work that
        `waits` for a batch of its model has threads of its own, so that no other waits with it."""
        self._refuse_if_closed()
        return await asyncio.get_running_loop().run_in_executor(self._patient if waits else self._readers, work)

    async def embed(
        self, encoder: SharedEncoder, texts: Sequence[str], role: Role, read: Tokenised | None = None, room: int = 0
    ) -> Vectors:
        """Vectors of `texts` as `encoder.encode` gives them, float32 [len(texts), dim]; Overloaded when too much waits.

        With `read`, what `encoder.read` gave for them, the queue knows what they cost, and nothing is tokenised again;
        for `room` tokens of that `room_for` found room before, and they are taken whatever came since. A request that
        is larger than the whole queue is taken when nothing else waits.
        """
        return await self._ran(_request(encoder, texts, role), texts, read, room)

    async def read_and_embed(
        self, encoder: SharedEncoder, texts: Sequence[str], role: Role
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """The vectors as `embed` gives them, and the tokens of each text before any cut, int64 [len(texts)].

        For an encoder that takes tokens. The texts are read by the thread that runs them, those of a batch in one call;
        until then their tokens are guessed.
        """
        request = _request(encoder, texts, role)
        request.counts = counts = np.zeros(len(texts), dtype=np.int64)
        return await self._ran(request, texts, None), counts

    async def _ran(self, request: Request, texts: Sequence[str], read: Tokenised | None, room: int = 0) -> Vectors:
        if not texts:
            return request.vectors
        costs = _costs(request.encoder, texts, read)
        short, long = pieces_of(request, texts, costs, None if read is None else read.tokens, self._batch_tokens)
        request.pieces = len(short) + len(long)
        self._put(short, long, int(costs.sum()), room)
        try:
            return await request.future
        finally:
            if request.pieces:
                self._drop(request)

    def _put(self, short: list[Piece], long: list[Piece], cost: int, room: int) -> None:
        with self._changed:
            self._refuse_if_closed()
            if cost > room:
                self._refuse_if_full(cost, self._being_read if room else 0)
            for lane, pieces in zip(self._lanes, (short, long), strict=True):
                lane.pieces.extend(pieces)
            self._waiting += cost
            self._changed.notify()

    def _refuse_if_closed(self) -> None:
        """What comes after the end is cancelled as what waited then was: nobody would ever answer."""
        if self._closed:
            raise asyncio.CancelledError("the queue is closed")

    def _refuse_if_full(self, cost: int, being_read: int = 0) -> None:
        waiting = self._waiting + being_read
        seconds = self._pace.seconds(waiting)
        slow = seconds > self._most_seconds
        if waiting and (slow or waiting + cost > self._most_tokens):
            remaining = 0 if slow else max(self._most_tokens - waiting, 0)
            raise Overloaded(max(seconds, 0.1), self._most_tokens, remaining)

    def _drop(self, request: Request) -> None:
        """Take what is left of a request out again."""
        with self._changed:
            for lane in self._lanes:
                self._waiting -= lane.drop(request)

    def _work(self) -> None:
        while True:
            self._next_one.acquire()
            let_on = Once(self._next_one.release)
            try:
                batch = self._next()
                if batch is None:
                    return
                batch = [piece for piece in batch if not piece.request.left]
                if batch:
                    self._run(batch, let_on)
            finally:
                let_on()

    def _next(self) -> list[Piece] | None:
        with self._changed:
            while not self._closed and not any(lane.pieces for lane in self._lanes):
                self._changed.wait()
            if self._closed:
                return None
            self._turn = 1 - self._turn
            lane = self._lanes[self._turn]
            if not lane.pieces:
                lane = self._lanes[1 - self._turn]
            batch = lane.take(self._batch_tokens)
            self._waiting -= sum(piece.cost for piece in batch)
            return batch

    def _run(self, batch: list[Piece], let_on: Idle) -> None:
        started = time.perf_counter()
        batch = sorted(batch, key=lambda piece: piece.tokens is not None)
        try:
            vectors = _encoded(batch, let_on)
        except Exception as error:
            _answer([piece.request for piece in batch], error)
            return
        place = 0
        for piece in batch:
            piece.request.vectors[piece.rows] = vectors[place : place + len(piece.rows)]
            place += len(piece.rows)
        ended = time.perf_counter()
        tokens = sum(piece.cost for piece in batch)
        done = []
        with self._changed:
            for request in (piece.request for piece in batch):
                request.pieces -= 1
                if not request.pieces:
                    done.append(request)
            self._pace.add(tokens, max(ended - max(started, self._ended), 1e-6))
            self._ended = ended
        if self._observe is not None:
            self._observe(tokens, place, ended - started)
        _answer(done)


def _request(encoder: SharedEncoder, texts: Sequence[str], role: Role) -> Request:
    """A request of the event loop that runs, no vector of it known."""
    loop = asyncio.get_running_loop()
    return Request(encoder, role, loop.create_future(), loop, np.zeros((len(texts), encoder.dim), dtype=np.float32))


def guessed_tokens(text: str) -> int:
    """About how many tokens a text has, told from its characters."""
    return len(text) // _CHARS_A_TOKEN + _TOKENS_A_TEXT


def _costs(encoder: SharedEncoder, texts: Sequence[str], read: Tokenised | None) -> NDArray[np.int64]:
    """Tokens that the model will read of each text; guessed from the characters where nobody has read them."""
    if read is None:
        return np.array([guessed_tokens(text) for text in texts], dtype=np.int64)
    if read.tokens is not None:
        return read.tokens.lengths
    return read.counts if encoder.max_tokens is None else np.minimum(read.counts, encoder.max_tokens)


def _encoded(batch: list[Piece], idle: Idle) -> Vectors:
    """The vectors of all texts of the batch, one piece after the other, those that nobody has read first."""
    first = batch[0].request
    if not batch[0].as_tokens:
        return first.encoder.encode([text for piece in batch for text in piece.texts], first.role)
    unread = [piece for piece in batch if piece.tokens is None]
    tokens = [*_read(unread), *(piece.tokens for piece in batch if piece.tokens is not None)]
    return first.encoder.encode_tokens(tokens[0] if len(tokens) == 1 else concatenate(tokens), first.role, idle)


def _read(pieces: list[Piece]) -> list[Tokens]:
    """The tokens of the pieces, together, if there are any pieces. What they cost, and the counts of their requests,
    are known then."""
    if not pieces:
        return []
    first = pieces[0].request
    found = first.encoder.read([text for piece in pieces for text in piece.texts], first.role)
    assert found.tokens is not None
    lengths, begin = found.tokens.lengths, 0
    for piece in pieces:
        end = begin + len(piece.rows)
        piece.cost = int(lengths[begin:end].sum())
        assert piece.request.counts is not None
        piece.request.counts[piece.rows] = found.counts[begin:end]
        begin = end
    return [found.tokens]


def _answer(requests: list[Request], error: Exception | None = None) -> None:
    """Give the requests their vectors, or `error`: each event loop is called once, not once a request."""
    loops: dict[asyncio.AbstractEventLoop, list[Request]] = {}
    for request in requests:
        loops.setdefault(request.loop, []).append(request)

    def give(ready: list[Request]) -> None:
        for request in ready:
            if request.left:
                continue
            if error is None:
                request.future.set_result(request.vectors)
            else:
                request.future.set_exception(error)

    for loop, ready in loops.items():
        _call(loop, partial(give, ready))


def _call(loop: asyncio.AbstractEventLoop, action: Callable[[], object]) -> None:
    """Do something in the callers' event loop; a loop that is closed has no caller any more."""
    try:
        loop.call_soon_threadsafe(action)
    except RuntimeError:
        return
