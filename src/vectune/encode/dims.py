"""Matryoshka truncation (Kusupati et al., 2022, arXiv 2205.13147)."""

from __future__ import annotations

import numpy as np

from vectune.encode.encoder import Vectors


def truncate(vectors: Vectors, dim: int) -> Vectors:
    """The first `dim` values of each vector, scaled back to L2 norm 1; [n, D] to [n, dim]. A zero vector stays zero."""
    cut = vectors[:, :dim]
    norms = np.linalg.norm(cut, axis=1, keepdims=True)
    return np.asarray(cut / np.maximum(norms, 1e-12), dtype=np.float32)
