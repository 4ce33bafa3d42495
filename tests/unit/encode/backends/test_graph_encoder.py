"""Batches are sorted, small, complete, and come back in order, whatever runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.tiny_model import WORDS
from vectune.encode.backends.graph_encoder import Batch, GraphEncoder, quick_widths
from vectune.encode.encoder import Vectors
from vectune.encode.export.manifest import read_manifest
from vectune.encode.tokenised import Idle
from vectune.encode.tokens import Indices
from vectune.errors import Interrupted
from vectune.records import Role


class Lengths:
    """A session whose vector of a text is one-hot at its number of tokens; hands batches back last first."""

    workers = 2
    precision = "fp32"

    def __init__(self, stride: int = 1) -> None:
        self.stride = stride
        self.batches: list[Batch] = []

    def run(self, batches: Iterable[Batch], keep: Callable[[Indices, Vectors], None], idle: Idle | None = None) -> None:
        self.batches = list(batches)
        for batch in reversed(self.batches):
            keep(batch.rows, np.eye(32, dtype=np.float32)[batch.mask.sum(axis=1) % 32])


class Counted:
    """Progress that adds up, and stops when told to."""

    def __init__(self, stop_at: int = 10**9) -> None:
        self.done = 0
        self._stop_at = stop_at

    def stage(self, name: str, total: int | None = None) -> None: ...

    def note(self, text: str) -> None: ...

    def advance(self, count: int = 1) -> None:
        self.done += count
        if self.done >= self._stop_at:
            raise Interrupted("Stopped.")


def _encoder(exported: dict[str, Path], session: Any, **more: Any) -> GraphEncoder:
    folder = exported["onnx"]
    return GraphEncoder(folder, read_manifest(folder), session, "lengths", **more)


@pytest.mark.parametrize("count", [0, 1, 7, 300, 5000])
def test_every_text_comes_back_at_its_place(exported: dict[str, Path], count: int) -> None:
    """More texts than a block holds, one, or none: each row has its own text's vector; progress counts them all."""
    session, counted = Lengths(), Counted()
    texts = [" ".join(WORDS[: 1 + i * 7 % 30]) for i in range(count)]
    encoder = _encoder(exported, session)
    found = encoder.encode(texts, Role.DOCUMENT, counted)
    expected = [(len(text.split()) + 3) % 32 for text in texts]  # the prompt and two special tokens
    assert found.shape == (count, 32)
    assert found.argmax(axis=1).tolist() == expected
    assert counted.done == count
    assert all(batch.ids.size <= 1024 for batch in session.batches)


def test_work_is_shared_where_there_is_little(exported: dict[str, Path]) -> None:
    """A few hundred tokens are cut so that each worker has some."""
    session = Lengths()
    _encoder(exported, session).encode([" ".join(WORDS[:20])] * 30)
    assert len(session.batches) >= 2


@pytest.mark.parametrize(("words", "width"), [(28, 32), (26, 32), (25, 28), (20, 23), (43, 48), (80, 48)])
def test_batches_are_as_wide_as_kernels_like(exported: dict[str, Path], words: int, width: int) -> None:
    """A batch is filled up to the next multiple of 16 where that is near, and what was filled up is masked; a text of
    the greatest length, here 48 tokens, stays within it."""
    session = Lengths(stride=16)
    encoder = _encoder(exported, session)
    texts = [" ".join(WORDS[:words])] * 3
    tokens = encoder.tokenise(texts, Role.QUERY).tokens
    assert tokens is not None
    found = encoder.encode_tokens(tokens, Role.QUERY)
    assert {batch.ids.shape[1] for batch in session.batches} == {width}
    assert (found.argmax(axis=1) == tokens.lengths % 32).all()
    np.testing.assert_array_equal(encoder.encode(texts, Role.QUERY), found)


@given(
    st.lists(st.integers(0, 600), min_size=2, max_size=50), st.sampled_from([1, 8, 16, 32]), st.sampled_from([48, 512])
)
def test_quick_widths_pad_little(lengths: list[int], stride: int, most: int) -> None:
    """No text is cut, none is padded by more than an eighth or half of a stride, and longer texts are no narrower."""
    given_lengths = np.array(sorted(lengths))
    found = quick_widths(given_lengths, stride, most)
    added = found - given_lengths
    assert (added >= 0).all()
    assert (added <= np.minimum(given_lengths // 8, stride // 2)).all()
    assert (np.diff(found) >= 0).all()
    assert all(width % stride == 0 or width == most for width, more in zip(found, added, strict=True) if more)


@pytest.mark.parametrize(("words", "width"), [(1, 16), (13, 16), (14, 32), (40, 48)])
def test_a_lone_text_is_as_wide_as_the_next_multiple(exported: dict[str, Path], words: int, width: int) -> None:
    """However far that is: single texts of many lengths are of few shapes. What was filled up is masked."""
    session = Lengths(stride=16)
    encoder = _encoder(exported, session)
    text = " ".join(WORDS[:words])
    found = encoder.encode([text], Role.QUERY)
    (batch,) = session.batches
    assert batch.ids.shape == (1, width)
    assert int(batch.mask.sum()) == words + 3  # a prompt of one word, and the special tokens
    tokens = encoder.tokenise([text], Role.QUERY).tokens
    assert tokens is not None
    np.testing.assert_array_equal(encoder.encode_tokens(tokens, Role.QUERY), found)


def test_limit_may_be_lowered_only(exported: dict[str, Path]) -> None:
    """`max_tokens` cuts earlier, never later than the model."""
    session = Lengths()
    _encoder(exported, session, max_tokens=6).encode([" ".join(WORDS[:40])])
    assert session.batches[0].ids.shape == (1, 6)
    assert _encoder(exported, session, max_tokens=4000).max_tokens == 48
    assert _encoder(exported, session, max_tokens=6).count_tokens([" ".join(WORDS[:40])]).tolist() == [42]


def test_stop_is_heard_between_batches(exported: dict[str, Path]) -> None:
    """What progress raises ends the work in the caller's thread."""
    with pytest.raises(Interrupted):
        _encoder(exported, Lengths()).encode([" ".join(WORDS[:30])] * 200, progress=Counted(stop_at=40))


@pytest.mark.parametrize("role", list(Role))
def test_tokens_give_what_texts_give(exported: dict[str, Path], role: Role) -> None:
    """Read first and encoded as tokens, or handed over as texts: the same vectors, and counts without the prompt."""
    texts = [" ".join(WORDS[: 1 + i * 7 % 60]) for i in range(50)]
    encoder = _encoder(exported, Lengths())
    read = encoder.tokenise(texts, role)
    assert read.tokens is not None
    np.testing.assert_array_equal(encoder.encode_tokens(read.tokens, role), encoder.encode(texts, role))
    assert read.counts.tolist() == encoder.count_tokens(texts).tolist()
