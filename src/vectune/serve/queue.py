"""One bounded queue before the models: texts of many callers go through a model together."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vectune.encode.encoder import Encoder, Vectors
from vectune.errors import CapacityError
from vectune.records import Role

_CHARS_A_TOKEN = 4
_TOKENS_A_TEXT = 2
_LONG_TOKENS = 64
_RATE_MEMORY = 0.8


class Overloaded(CapacityError):  # noqa: N818 - what the server is, told to its callers
    """More texts wait than the queue may hold.

    `retry_after` is when it is worth coming back, in seconds; `limit` and `remaining` are tokens that may wait.
    """

    code = "server_is_overloaded"

    def __init__(self, retry_after: float, limit: int = 0, remaining: int = 0) -> None:
        super().__init__("The server has more texts waiting than it takes.", f"Try again in {retry_after:.1f} s.")
        self.retry_after = retry_after
        self.limit = limit
        self.remaining = remaining


@dataclass(eq=False)
class _Request:
    """One caller: the vectors of its texts are filled in piece by piece."""

    encoder: Encoder
    role: Role
    future: asyncio.Future[Vectors]
    loop: asyncio.AbstractEventLoop
    vectors: Vectors
    pieces: int = 0

    @property
    def left(self) -> bool:
        return self.future.done()


@dataclass(eq=False)
class _Piece:
    """Some texts of one request, small enough to go through a model at once; `rows` are their places in it."""

    request: _Request
    texts: list[str]
    rows: NDArray[np.int64]
    cost: int


@dataclass
class _Lane:
    """Pieces of about one length, oldest first."""

    pieces: deque[_Piece] = field(default_factory=deque)

    def take(self, budget: int) -> list[_Piece]:
        """The oldest piece and the others that can go with it: same model, same role, within the budget together."""
        first = self.pieces.popleft()
        taken, cost, kept = [first], first.cost, deque[_Piece]()
        for piece in self.pieces:
            fits = piece.request.encoder is first.request.encoder and piece.request.role is first.request.role
            if fits and cost + piece.cost <= budget:
                taken.append(piece)
                cost += piece.cost
            else:
                kept.append(piece)
        self.pieces = kept
        return taken


class EmbeddingQueue:
    """Owns one thread in which models run. Short and long texts wait in lanes of their own, taken in turn, so that a
    query never waits for more than one batch of documents. Texts of callers that left are dropped.

    `batch_tokens` is about the size of a batch, `most_tokens` what may wait, both guessed from the texts' characters.
    """

    def __init__(self, batch_tokens: int, most_tokens: int) -> None:
        self._batch_tokens = batch_tokens
        self._most_tokens = most_tokens
        self._lanes = (_Lane(), _Lane())
        self._turn = 0
        self._waiting = 0
        self._rate = 1000.0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="vectune-embed", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def close(self) -> None:
        """End after the batch that runs; callers that still wait are cancelled."""
        with self._changed:
            self._closed = True
            waiting = {piece.request for lane in self._lanes for piece in lane.pieces}
            self._changed.notify_all()
        for request in waiting:
            _call(request, request.future.cancel)
        if self._thread.is_alive():
            self._thread.join()

    @property
    def waiting_tokens(self) -> int:
        """About how many tokens wait."""
        return self._waiting

    async def embed(self, encoder: Encoder, texts: Sequence[str], role: Role) -> Vectors:
        """Vectors of `texts` as `encoder.encode` gives them, float32 [len(texts), dim]; Overloaded when too much waits.

        A request that is larger than the whole queue is taken when nothing else waits.
        """
        loop = asyncio.get_running_loop()
        vectors = np.zeros((len(texts), encoder.dim), dtype=np.float32)
        if not texts:
            return vectors
        request = _Request(encoder, role, loop.create_future(), loop, vectors)
        lanes = [_pieces(request, texts, self._batch_tokens, long=long) for long in (False, True)]
        cost = sum(piece.cost for pieces in lanes for piece in pieces)
        request.pieces = sum(map(len, lanes))
        self._put(lanes, cost)
        try:
            return await request.future
        finally:
            if request.pieces:
                self._drop(request)

    def _put(self, lanes: list[list[_Piece]], cost: int) -> None:
        with self._changed:
            if self._waiting and self._waiting + cost > self._most_tokens:
                remaining = max(self._most_tokens - self._waiting, 0)
                raise Overloaded(max(self._waiting / self._rate, 0.1), self._most_tokens, remaining)
            for lane, pieces in zip(self._lanes, lanes, strict=True):
                lane.pieces.extend(pieces)
            self._waiting += cost
            self._changed.notify_all()

    def _drop(self, request: _Request) -> None:
        """Take what is left of a request out again."""
        with self._changed:
            for lane in self._lanes:
                self._waiting -= sum(piece.cost for piece in lane.pieces if piece.request is request)
                lane.pieces = deque(piece for piece in lane.pieces if piece.request is not request)

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            batch = [piece for piece in batch if not piece.request.left]
            if batch:
                self._run(batch)

    def _next(self) -> list[_Piece] | None:
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

    def _run(self, batch: list[_Piece]) -> None:
        started = time.perf_counter()
        first = batch[0].request
        try:
            vectors = first.encoder.encode([text for piece in batch for text in piece.texts], first.role)
        except Exception as error:
            for piece in batch:
                _fail(piece.request, error)
            return
        place = 0
        for piece in batch:
            piece.request.vectors[piece.rows] = vectors[place : place + len(piece.rows)]
            place += len(piece.rows)
            piece.request.pieces -= 1
            if not piece.request.pieces:
                _finish(piece.request)
        seconds = max(time.perf_counter() - started, 1e-6)
        rate = sum(piece.cost for piece in batch) / seconds
        self._rate = _RATE_MEMORY * self._rate + (1 - _RATE_MEMORY) * rate


def _pieces(request: _Request, texts: Sequence[str], budget: int, *, long: bool) -> list[_Piece]:
    """The request's long texts, or its short ones, cut into pieces within the budget (one text at least)."""
    pieces: list[_Piece] = []
    rows: list[int] = []
    cost = 0
    for row, text in enumerate(texts):
        tokens = len(text) // _CHARS_A_TOKEN + _TOKENS_A_TEXT
        if (tokens > _LONG_TOKENS) is not long:
            continue
        if rows and cost + tokens > budget:
            pieces.append(_piece(request, texts, rows, cost))
            rows, cost = [], 0
        rows.append(row)
        cost += tokens
    if rows:
        pieces.append(_piece(request, texts, rows, cost))
    return pieces


def _piece(request: _Request, texts: Sequence[str], rows: list[int], cost: int) -> _Piece:
    return _Piece(request, [texts[row] for row in rows], np.array(rows, dtype=np.int64), cost)


def _finish(request: _Request) -> None:
    _call(request, lambda: None if request.left else request.future.set_result(request.vectors))


def _fail(request: _Request, error: Exception) -> None:
    _call(request, lambda: None if request.left else request.future.set_exception(error))


def _call(request: _Request, action: Callable[[], object]) -> None:
    """Do something in the caller's event loop; a loop that is closed has no caller any more."""
    try:
        request.loop.call_soon_threadsafe(action)
    except RuntimeError:
        return
