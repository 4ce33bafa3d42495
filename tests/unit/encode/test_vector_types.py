"""Smaller types keep what they promise, and what they lose is measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectune.encode.encoder import Vectors
from vectune.encode.vector_types import to_type, type_loss


def _vectors(count: int, dim: int = 48, seed: int = 0) -> Vectors:
    drawn = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float32)


def test_shapes_and_types() -> None:
    """float16 and int8 have a value a dim; binary has a bit, eight to a byte, the rest of the last byte zero."""
    vectors = _vectors(5, dim=20)
    assert to_type(vectors, "float32").values is vectors
    assert to_type(vectors, "float16").values.dtype == np.float16
    assert to_type(vectors, "int8").values.dtype == np.int8
    binary = to_type(vectors, "binary")
    assert (binary.values.dtype, binary.values.shape) == (np.uint8, (5, 3))
    assert not (binary.values[:, 2] & 0b1111).any()
    assert np.array_equal(binary.restored() > 0, vectors > 0)


@given(st.integers(1, 40), st.integers(0, 1000))
def test_int8_is_within_half_a_step(dim: int, seed: int) -> None:
    """Each value comes back within half of the scale, and no value leaves -127 to 127."""
    vectors = _vectors(6, dim, seed)
    typed = to_type(vectors, "int8")
    assert np.abs(typed.values.astype(int)).max() <= 127
    assert np.abs(typed.restored() - vectors).max() <= typed.scale * 0.5001


@pytest.mark.parametrize(("kind", "least"), [("float32", 1.0), ("float16", 0.99999), ("int8", 0.999), ("binary", 0.7)])
def test_loss_is_the_cosine_to_float32(kind: str, least: float) -> None:
    """Measured by hand on the same vectors; the larger the type, the smaller the loss."""
    vectors = _vectors(200)
    typed = to_type(vectors, kind)  # type: ignore[arg-type]
    restored = typed.restored()
    by_hand = np.mean([a @ b / np.linalg.norm(b) for a, b in zip(vectors, restored, strict=True)])
    loss = type_loss(vectors, typed)
    assert loss.cosine == pytest.approx(by_hand, abs=1e-5)
    assert loss.cosine >= least - 1e-6
    assert loss.texts == 200
    assert loss.top_10 is not None
    assert (loss.top_10 == 1.0) == (kind == "float32") or kind == "float16"


def test_agreement_counts_shared_neighbours() -> None:
    """Two clusters of eleven: signs alone keep the clusters apart, so all ten nearest are the same."""
    angles = np.pi / 4 + np.linspace(-0.1, 0.1, 11)
    cluster = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    vectors = np.concatenate([cluster, -cluster]).astype(np.float32)
    assert type_loss(vectors, to_type(vectors, "binary")).top_10 == 1.0


@pytest.mark.parametrize("kind", ["float16", "int8", "binary"])
def test_equal_texts_and_empty_ones_change_no_loss(kind: str) -> None:
    """Each vector is counted once, wherever its copies stand, and a text without a known token is not counted."""
    vectors = _vectors(40)
    expected = type_loss(vectors, to_type(vectors, kind))  # type: ignore[arg-type]
    order = np.random.default_rng(1).permutation(90)
    more = np.concatenate([vectors, vectors, np.zeros((10, 48), np.float32)])[order]
    found = type_loss(more, to_type(more, kind))  # type: ignore[arg-type]
    assert found.texts == expected.texts == 40
    assert found.cosine == pytest.approx(expected.cosine, abs=1e-6)
    if kind != "binary":  # signs have many neighbours at equal distance, and the order decides among those
        assert found.top_10 == expected.top_10


def test_nothing_but_empty_texts_has_nothing_to_lose() -> None:
    """No direction, no loss, and no mean of nothing."""
    zeros = np.zeros((20, 4), np.float32)
    loss = type_loss(zeros, to_type(zeros, "int8"))
    assert (loss.texts, loss.cosine, loss.top_10) == (0, 1.0, None)


def test_few_texts_have_no_neighbours_to_count() -> None:
    """Below twelve texts every text would be near; a sample limits what is compared."""
    vectors = _vectors(11)
    assert type_loss(vectors, to_type(vectors, "int8")).top_10 is None
    assert type_loss(_vectors(500), to_type(_vectors(500), "int8"), sample=50).texts == 50
    assert to_type(np.zeros((2, 4), np.float32), "int8").scale == 1.0
