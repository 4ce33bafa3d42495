"""What waits before the models: requests cut into pieces, in lanes by the length of their texts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vectune.encode.encoder import Vectors
from vectune.encode.tokens import Tokens
from vectune.records import Role
from vectune.serve.shared_encoder import SharedEncoder

LONG_TOKENS = 64
"""Texts with more tokens wait in the lane of the long ones."""


@dataclass(eq=False)
class Request:
    """One caller: the vectors of its texts are filled in piece by piece.

    So are the `counts` of their tokens, int64 [texts], where nobody has read the texts yet: whoever runs a piece does.
    """

    encoder: SharedEncoder
    role: Role
    future: asyncio.Future[Vectors]
    loop: asyncio.AbstractEventLoop
    vectors: Vectors
    pieces: int = 0
    counts: NDArray[np.int64] | None = None

    @property
    def left(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.future.done()


@dataclass(eq=False)
class Piece:
    """Some texts of one request, few enough to go through a model at once; `rows` are their places in it.

    They are held as `tokens` where somebody has read them for an encoder that takes these, else as `texts`.
    """

    request: Request
    rows: NDArray[np.int64]
    cost: int
    texts: Sequence[str] = ()
    tokens: Tokens | None = None

    @property
    def as_tokens(self) -> bool:
        """Whether the model is to be handed tokens, which may be still to be read."""
        return self.tokens is not None or self.request.counts is not None

    def goes_with(self, other: Piece) -> bool:
        """Whether both can go through a model together."""
        one, two = self.request, other.request
        return one.encoder is two.encoder and one.role is two.role and self.as_tokens is other.as_tokens


@dataclass
class Lane:
    """Pieces of about one length, oldest first."""

    pieces: deque[Piece] = field(default_factory=deque)

    def take(self, budget: int) -> list[Piece]:
        """The oldest piece and the others that can go with it: same model, same role, within the budget together."""
        first = self.pieces.popleft()
        taken, cost, kept = [first], first.cost, deque[Piece]()
        while self.pieces and cost < budget:
            piece = self.pieces.popleft()
            if piece.goes_with(first) and cost + piece.cost <= budget:
                taken.append(piece)
                cost += piece.cost
            else:
                kept.append(piece)
        self.pieces.extendleft(reversed(kept))
        return taken

    def drop(self, request: Request) -> int:
        """Take out the pieces of a request; what they cost."""
        gone = [piece for piece in self.pieces if piece.request is request]
        if gone:
            self.pieces = deque(piece for piece in self.pieces if piece.request is not request)
        return sum(piece.cost for piece in gone)


def pieces_of(
    request: Request, texts: Sequence[str], costs: NDArray[np.int64], tokens: Tokens | None, budget: int
) -> tuple[list[Piece], list[Piece]]:
    """The request's short texts and its long ones, cut into pieces within the budget (one text at least).

    `costs` int64 [texts] are their tokens; pieces hold `tokens` of the texts where there are any.
    """

    def piece(rows: NDArray[np.int64]) -> Piece:
        cost = int(costs[rows].sum())
        if tokens is None:
            return Piece(request, rows, cost, texts=[texts[row] for row in rows])
        return Piece(request, rows, cost, tokens=tokens.select(rows))

    if len(costs) == 1:  # the usual request is not worth what comes below
        rows, cost = np.zeros(1, dtype=np.int64), int(costs[0])
        whole = [Piece(request, rows, cost, texts if tokens is None else (), tokens)]
        return ([], whole) if cost > LONG_TOKENS else (whole, [])
    is_long = costs > LONG_TOKENS
    lanes = (np.flatnonzero(~is_long), np.flatnonzero(is_long))
    short, long = ([piece(rows) for rows in _cut(lane, costs, budget)] for lane in lanes)
    return short, long


def _cut(rows: NDArray[np.int64], costs: NDArray[np.int64], budget: int) -> list[NDArray[np.int64]]:
    """`rows` in neighbouring parts whose costs stay within the budget."""
    if int(costs[rows].sum()) <= budget:
        return [rows] if len(rows) else []
    parts, begin, cost = [], 0, 0
    for place, row in enumerate(rows):
        if place > begin and cost + costs[row] > budget:
            parts.append(rows[begin:place])
            begin, cost = place, 0
        cost += int(costs[row])
    return [*parts, rows[begin:]]
