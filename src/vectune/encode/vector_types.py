"""Vectors in smaller types, and what each costs, measured on the vectors themselves.

float16 keeps 11 bits of each value. int8 keeps round(v / scale) with one scale for all vectors, so that dot products
stay in proportion. binary keeps the sign of each value, eight to a byte, the first in the highest bit; such vectors are
compared by Hamming distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vectune.config.vectors import VectorType
from vectune.encode.encoder import Vectors

_NEIGHBOURS = 10
_SAMPLE = 2000


@dataclass(frozen=True)
class TypedVectors:
    """Vectors as they are stored: float16, int8 or float32 [n, dim], or uint8 [n, dim / 8 rounded up] for binary.

    A value is about `stored * scale`; `scale` is 1 but for int8.
    """

    kind: VectorType
    values: NDArray[Any]
    dim: int
    scale: float = 1.0

    def restored(self) -> Vectors:
        """What the stored vectors stand for, float32 [n, dim]; signs, as 1 and -1, for binary."""
        if self.kind == "binary":
            bits = np.unpackbits(self.values, axis=1, count=self.dim)
            return np.asarray(bits, dtype=np.float32) * 2 - 1
        return np.asarray(self.values, dtype=np.float32) * np.float32(self.scale)


@dataclass(frozen=True)
class TypeLoss:
    """What a type lost on `texts` texts of the sample, of different vectors other than 0, against float32.

    `cosine` is the mean cosine of a vector to itself; `top_10` the mean share of a vector's 10 nearest others that are
    the same (None for fewer than 12 texts).
    """

    texts: int
    cosine: float
    top_10: float | None


def to_type(vectors: Vectors, kind: VectorType) -> TypedVectors:
    """`vectors`, float32 [n, dim], stored as `kind`."""
    dim = vectors.shape[1]
    if kind == "float16":
        return TypedVectors(kind, vectors.astype(np.float16), dim)
    if kind == "int8":
        largest = float(np.abs(vectors).max(initial=0.0))
        scale = largest / 127 if largest else 1.0
        return TypedVectors(kind, np.rint(vectors / np.float32(scale)).astype(np.int8), dim, scale)
    if kind == "binary":
        return TypedVectors(kind, np.packbits(vectors > 0, axis=1), dim)
    return TypedVectors(kind, vectors, dim)


def type_loss(vectors: Vectors, typed: TypedVectors, sample: int = _SAMPLE) -> TypeLoss:
    """What `typed` lost of `vectors` [n, dim], of L2 norm 1, on at most `sample` of them, evenly spread.

    Equal vectors count once: which of them is nearest would be chance. Vectors of 0, of texts without a known token,
    count not at all: they have no direction to lose.
    """
    rows = np.unique(np.linspace(0, len(vectors) - 1, min(sample, len(vectors))).astype(np.int64))
    rows = rows[_telling(vectors[rows])]
    exact = vectors[rows]
    stored = TypedVectors(typed.kind, typed.values[rows], typed.dim, typed.scale).restored()
    stored = stored / np.maximum(np.linalg.norm(stored, axis=1, keepdims=True), 1e-12)
    cosine = float(np.einsum("nd,nd->n", exact, stored).mean()) if len(rows) else 1.0
    return TypeLoss(len(rows), cosine, _agreement(exact, stored))


def _telling(vectors: Vectors) -> NDArray[np.int64]:
    """Where each vector other than 0 stands first, ascending."""
    first = np.sort(np.unique(vectors, axis=0, return_index=True)[1])
    return np.asarray(first[vectors[first].any(axis=1)], dtype=np.int64)


def _agreement(exact: Vectors, stored: Vectors) -> float | None:
    if len(exact) < _NEIGHBOURS + 2:
        return None
    near, found = _nearest(exact), _nearest(stored)
    shared = [len(np.intersect1d(one, other)) for one, other in zip(near, found, strict=True)]
    return float(np.mean(shared)) / _NEIGHBOURS


def _nearest(vectors: Vectors) -> NDArray[np.int64]:
    """Each vector's nearest others by cosine, [n, 10]."""
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    return np.argpartition(-scores, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
