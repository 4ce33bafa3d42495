"""From a caller's texts to their vectors: known ones from the cache, the others read once and encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vectune.encode.encoder import Vectors
from vectune.encode.tokenised import Tokenised
from vectune.records import Role
from vectune.serve.queue import EmbeddingQueue, guessed_tokens
from vectune.serve.remote_model import RemoteModel
from vectune.serve.shared_encoder import SharedEncoder
from vectune.serve.text_cache import Known, TextCache

ServedModel = SharedEncoder | RemoteModel
_SMALL = 2000
"""Characters of all texts up to which nobody needs their tokens before they are encoded: a character is four tokens at
most, its bytes, so that no limit of a request is in reach."""


@dataclass(frozen=True, eq=False)
class Reading:
    """Texts of one caller before they are encoded. `counts` are the tokens of each, int64 [texts].

    They are a guess (`guessed`) where the count comes with the vectors: from a model behind an endpoint, and of texts
    that the thread that encodes them is to read. `known` has what the cache knew of each text; `read` is of the `fresh`
    ones, whose places in the request are `rows`. For `room` of their tokens there was room in the queue when they were
    read, and there is until the event loop has others' turn.
    """

    model: ServedModel
    role: Role
    counts: NDArray[np.int64]
    guessed: bool
    known: list[Known | None]
    rows: NDArray[np.int64]
    fresh: Sequence[str]
    read: Tokenised
    room: int = 0


@dataclass(frozen=True, eq=False)
class Embedded:
    """Full vectors, float32 [texts, dim], and the tokens of each text, int64 [texts]."""

    vectors: Vectors
    counts: NDArray[np.int64]


async def read(
    model: ServedModel, texts: Sequence[str], role: Role, queue: EmbeddingQueue, cache: TextCache, exact: bool = False
) -> Reading:
    """Look texts up in the cache and read the others; Overloaded when the queue is full. `embed` is to follow at once.

    Nothing is tokenised on the event loop: texts of more than a page in all are read in a thread of the queue now, what
    is less by the thread that will encode them, unless it must be known now how many tokens they have (`exact`). What a
    remote model needs is a guess, which costs nothing.
    """
    known: list[Known | None] = cache.get(model.serial, role, texts) if cache.on else [None] * len(texts)
    rows = np.array([row for row, found in enumerate(known) if found is None], dtype=np.int64)
    fresh = texts if len(rows) == len(texts) else [texts[row] for row in rows]
    guessed = isinstance(model, RemoteModel) or (not exact and _may_wait(model, texts))
    room = 0
    if isinstance(model, RemoteModel):
        found = model.read(fresh, role)
    elif not fresh:
        found = Tokenised(np.zeros(0, dtype=np.int64))
    elif guessed:
        queue.refuse_if_full()
        found = Tokenised(np.array([guessed_tokens(text) for text in fresh], dtype=np.int64))
    else:
        with queue.room_for(sum(map(guessed_tokens, fresh))) as room:
            found = await _read(model, fresh, role, queue)
    counts = np.array([0 if one is None else one.tokens for one in known], dtype=np.int64)
    counts[rows] = found.counts
    return Reading(model, role, counts, guessed, known, rows, fresh, found, room)


async def embed(
    reading: Reading, queue: EmbeddingQueue, cache: TextCache, spent: Callable[[int], None] = lambda tokens: None
) -> Embedded:
    """The vectors: of fresh texts through the queue, or from the endpoint of a remote model.

    `spent` hears of the tokens that the endpoint was given, also when this ends without vectors.
    """
    fresh = await _encoded(reading, queue, spent)
    if cache.on and len(reading.rows):
        cache.put(reading.model.serial, reading.role, reading.fresh, fresh.counts, fresh.vectors)
    if len(reading.rows) == len(reading.counts):
        return fresh
    return _together(reading, fresh)


def _may_wait(model: SharedEncoder, texts: Sequence[str]) -> bool:
    """Whether those of a request may be read by the thread that encodes them: known ones count for its limits too."""
    return model.takes_tokens and sum(map(len, texts)) <= _SMALL


async def _read(model: SharedEncoder, texts: Sequence[str], role: Role, queue: EmbeddingQueue) -> Tokenised:
    return await queue.beside(partial(model.read, texts, role), waits=not model.reads_beside)


async def _encoded(reading: Reading, queue: EmbeddingQueue, spent: Callable[[int], None]) -> Embedded:
    if not len(reading.rows):
        return Embedded(np.zeros((0, 0), dtype=np.float32), reading.read.counts)
    if isinstance(reading.model, RemoteModel):
        guess = reading.read.counts

        def taken(tokens: int | None) -> None:
            spent(int(_shares(guess, tokens).sum()))

        answer = await reading.model.embed(reading.fresh, reading.role, taken)
        return Embedded(answer.vectors, _shares(guess, answer.tokens))
    if reading.guessed:
        return Embedded(*await queue.read_and_embed(reading.model, reading.fresh, reading.role))
    vectors = await queue.embed(reading.model, reading.fresh, reading.role, reading.read, reading.room)
    return Embedded(vectors, reading.read.counts)


def _together(reading: Reading, fresh: Embedded) -> Embedded:
    """Known and fresh vectors in the order of the texts."""
    found = next(one for one in reading.known if one is not None)
    vectors = np.zeros((len(reading.counts), len(found.vector)), dtype=np.float32)
    for row, one in enumerate(reading.known):
        if one is not None:
            vectors[row] = one.vector
    counts = reading.counts.copy()
    if len(reading.rows):
        vectors[reading.rows], counts[reading.rows] = fresh.vectors, fresh.counts
    return Embedded(vectors, counts)


def _shares(guessed: NDArray[np.int64], total: int | None) -> NDArray[np.int64]:
    """The endpoint's own count of all texts, divided as the guess is; the guess where the endpoint gave none."""
    if total is None or not guessed.sum():
        return guessed
    upto = np.cumsum(guessed) * total // guessed.sum()
    return np.asarray(np.diff(upto, prepend=0), dtype=np.int64)
