"""Models that many threads use."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.ending_encoder import EndingEncoder
from tests.fakes.hash_encoder import HashEncoder
from tests.fakes.slow_encoder import SlowEncoder
from tests.fakes.token_encoder import TokenEncoder
from vectune.encode.loading import load_encoder
from vectune.records import Role
from vectune.serve.shared_encoder import SharedEncoder, shared


def test_one_thread_at_a_time() -> None:
    """A second caller waits until the first is done."""
    inner = SlowEncoder()
    encoder = SharedEncoder(inner)
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(encoder.encode, [name], Role.QUERY) for name in ("a", "b")]
        assert inner.started.wait(20)
        assert len(inner.batches) == 1
        inner.gate.set()
        assert all(call.result(20).shape == (1, 32) for call in calls)
    assert len(inner.batches) == 2


def test_counting_goes_on_beside_encoding() -> None:
    """With a counter of its own, tokens are counted while the model is busy."""
    inner = SlowEncoder()
    encoder = SharedEncoder(inner, HashEncoder().count_tokens)
    assert encoder.reads_beside
    busy = threading.Thread(target=encoder.encode, args=(["a"],))
    busy.start()
    assert inner.started.wait(20)
    assert encoder.count_tokens(["one two"]).tolist() == [4]
    inner.gate.set()
    busy.join(20)


def test_without_a_counter_the_model_counts() -> None:
    """A model whose tokenizer is not at hand counts by itself, behind the lock."""
    encoder = SharedEncoder(HashEncoder())
    assert not encoder.reads_beside
    assert encoder.count_tokens(["one two three"]).tolist() == [5]
    assert encoder.max_tokens is None


def test_real_model_counts_as_it_does_itself(tiny_model_folder: Path) -> None:
    """The counter agrees with the model's own, and vectors are the model's."""
    inner = load_encoder(str(tiny_model_folder))
    encoder = shared(inner, str(tiny_model_folder))
    texts = ["red1 cat2 rain3", "sun4", "red0 " * 100]
    assert encoder.reads_beside
    assert encoder.count_tokens(texts).tolist() == inner.count_tokens(texts).tolist()
    assert encoder.max_tokens == 48
    np.testing.assert_allclose(encoder.encode(texts), inner.encode(texts), atol=1e-6)


def test_tokens_are_read_beside_encoding(tiny_model_folder: Path) -> None:
    """An encoder that takes tokens reads while another thread encodes, and gives from them what it gives for texts."""
    inner = TokenEncoder()
    encoder = shared(inner, str(tiny_model_folder))
    assert encoder.reads_beside
    with encoder._lock:
        read = encoder.read(["red cat", "blue"], Role.QUERY)
    assert read.counts.tolist() == [2, 1]
    assert read.tokens is not None
    expected = HashEncoder().encode(["red cat", "blue"])
    np.testing.assert_allclose(encoder.encode_tokens(read.tokens, Role.QUERY), expected, atol=1e-6)


@pytest.mark.parametrize("says_so", [True, False])
def test_a_second_caller_begins_with_an_idle_core(says_so: bool) -> None:
    """The lock is given on when the encoder says that a core is idle, and given back once."""
    inner = EndingEncoder(says_so)
    encoder = SharedEncoder(inner)
    tokens = encoder.read(["red cat"], Role.QUERY).tokens
    assert tokens is not None
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(encoder.encode_tokens, tokens, Role.QUERY) for _ in range(2)]
        assert inner.two.wait(20 if says_so else 0.2) == says_so
        inner.gate.set()
        assert all(call.result(20).shape == (1, 32) for call in calls)
    assert encoder._lock.acquire(blocking=False)


def test_reading_without_tokens_counts(tiny_model_folder: Path) -> None:
    """Of an encoder that reads texts alone there are counts and no tokens."""
    encoder = shared(load_encoder(str(tiny_model_folder)), str(tiny_model_folder))
    read = encoder.read(["red1 cat2"], Role.DOCUMENT)
    assert (read.counts.tolist(), read.tokens) == ([4], None)


def test_serials_differ() -> None:
    """Two encoders are told apart even when one is gone before the other is made."""
    assert SharedEncoder(HashEncoder()).serial != SharedEncoder(HashEncoder()).serial
