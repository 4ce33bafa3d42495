"""Keeps the word pairs of many texts, in memory or in a file, and compares any two of them exactly."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vectune.data.word_hashes import WordPairs

_ELEMENTS_AT_ONCE = 200_000


class PairStore:
    """Sets of word pairs, added in blocks; give a `folder` to keep them in a temporary file there, not in memory."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file: IO[bytes] | None = TemporaryFile(dir=folder) if folder is not None else None  # noqa: SIM115
        self._blocks: list[NDArray[np.int32]] = []
        self._sizes: list[NDArray[np.int64]] = []
        self._hashes: NDArray[np.int32] | None = None
        self._starts = np.zeros(1, np.int64)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def add(self, pairs: WordPairs) -> None:
        """Keep the sets of one more block of texts."""
        if self._file is not None:
            self._file.write(np.ascontiguousarray(pairs.hashes).data)
        else:
            self._blocks.append(pairs.hashes)
        self._sizes.append(np.diff(pairs.starts))
        self._hashes = None

    def sizes(self) -> NDArray[np.int64]:
        """Word pairs of each text: int64 [n]."""
        return np.diff(self._settled_starts())

    def jaccard(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
        """Shared word pairs over all word pairs, 0 to 1, of texts left[i] and right[i]: float64 [len(left)]."""
        starts = self._settled_starts()
        sizes = np.diff(starts)
        together = sizes[left] + sizes[right]
        shared = np.zeros(len(left), np.int64)
        for begin, end in _chunks(together):
            shared[begin:end] = self._shared(starts, left[begin:end], right[begin:end])
        return np.asarray(shared / np.maximum(together - shared, 1), dtype=np.float64)

    def close(self) -> None:
        """Give the file back; the store can't be used after."""
        self._hashes = None
        self._blocks.clear()
        if self._file is not None:
            self._file.close()

    def _shared(
        self, starts: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Hashes that both texts of a pair have: rows of two sparse matrices of ones, multiplied element by element."""
        both = self._rows(starts, left).multiply(self._rows(starts, right))
        return np.asarray(np.diff(both.indptr), dtype=np.int64)

    def _rows(self, starts: NDArray[np.int64], texts: NDArray[np.int64]) -> csr_array:
        sizes = starts[texts + 1] - starts[texts]
        ends = np.concatenate(([0], np.cumsum(sizes)))
        at = np.arange(int(ends[-1])) + np.repeat(starts[texts] - ends[:-1], sizes)
        columns = self._settled_hashes()[at]
        matrix = csr_array((np.ones(len(at), np.int8), columns, ends.astype(np.int32)), shape=(len(texts), 2**31 - 1))
        matrix.has_canonical_format = True  # sets are ascending and without repeats, so scipy need not look
        return matrix

    def _settled_starts(self) -> NDArray[np.int64]:
        if self._sizes:
            self._starts = np.concatenate((self._starts, self._starts[-1] + np.cumsum(np.concatenate(self._sizes))))
            self._sizes.clear()
        return self._starts

    def _settled_hashes(self) -> NDArray[np.int32]:
        if self._hashes is None:
            if self._file is not None:
                self._file.flush()
                self._hashes = np.memmap(self._file, dtype=np.int32, mode="r")
            else:
                self._blocks = [np.concatenate(self._blocks)]
                self._hashes = self._blocks[0]
        return self._hashes


def _chunks(sizes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Runs of neighbours whose sizes add up to about 200,000."""
    if not len(sizes):
        return []
    number = np.cumsum(sizes) // _ELEMENTS_AT_ONCE
    cuts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(sizes)]
    return list(pairwise(cuts))
