"""Requests in pieces, and the lanes that they wait in."""

from __future__ import annotations

import asyncio

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.hash_encoder import HashEncoder
from vectune.encode.tokens import pack
from vectune.records import Role
from vectune.serve.lanes import LONG_TOKENS, Lane, Piece, Request, pieces_of
from vectune.serve.shared_encoder import SharedEncoder

ENCODER = SharedEncoder(HashEncoder())


def _request(encoder: SharedEncoder = ENCODER, role: Role = Role.DOCUMENT) -> Request:
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    loop.close()
    return Request(encoder, role, future, loop, np.zeros((0, 0), dtype=np.float32))


def _piece(cost: int, request: Request | None = None) -> Piece:
    return Piece(request or _request(), np.array([0]), cost)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=60), st.integers(64, 500))
def test_every_text_is_in_one_piece_of_its_lane(costs: list[int], budget: int) -> None:
    """No text is lost or doubled, short and long are apart, and pieces stay within the budget unless one text is over
    it; tokens go with their texts."""
    texts = [f"t{row}" for row in range(len(costs))]
    tokens = pack([[row] * cost for row, cost in enumerate(costs)])
    for held in (None, tokens):
        short, long = pieces_of(_request(), texts, np.array(costs), held, budget)
        assert sorted(row for piece in (*short, *long) for row in piece.rows) == list(range(len(costs)))
        assert all(costs[row] <= LONG_TOKENS for piece in short for row in piece.rows)
        assert all(costs[row] > LONG_TOKENS for piece in long for row in piece.rows)
        for piece in (*short, *long):
            assert piece.cost == sum(costs[row] for row in piece.rows)
            assert piece.cost <= budget or len(piece.rows) == 1
            if held is None:
                assert list(piece.texts) == [texts[row] for row in piece.rows]
            else:
                assert piece.tokens is not None
                assert piece.tokens.ids.tolist() == [row for row in piece.rows for _ in range(costs[row])]


def test_batch_is_of_one_kind_within_the_budget() -> None:
    """The oldest piece decides model and side; what does not fit stays in its order."""
    other, query = _request(SharedEncoder(HashEncoder())), _request(role=Role.QUERY)
    pieces = [_piece(40), _piece(40, other), _piece(50), _piece(40, query), _piece(30), _piece(30)]
    lane = Lane()
    lane.pieces.extend(pieces)
    assert lane.take(100) == [pieces[0], pieces[2]]
    assert list(lane.pieces) == [pieces[1], pieces[3], pieces[4], pieces[5]]
    assert lane.take(100) == [pieces[1]]
    assert lane.take(100) == [pieces[3]]
    assert lane.take(100) == [pieces[4], pieces[5]]


def test_piece_over_the_budget_goes_alone() -> None:
    """A text that is larger than a batch is taken by itself."""
    lane = Lane()
    lane.pieces.extend([_piece(500), _piece(1)])
    assert len(lane.take(100)) == 1


def test_dropped_request_frees_what_it_cost() -> None:
    """Its pieces are gone, those of others stay."""
    lane, gone, stays = Lane(), _request(), _request()
    lane.pieces.extend([_piece(3, gone), _piece(4, stays), _piece(5, gone)])
    assert lane.drop(gone) == 8
    assert [piece.cost for piece in lane.pieces] == [4]
