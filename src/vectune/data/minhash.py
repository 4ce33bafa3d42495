"""MinHash signatures and their bands (Broder, 1997; banding as in Leskovec, Rajaraman, Ullman, chapter 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vectune.data.word_hashes import WordPairs

SIGNATURE = 64
_WANTED_RECALL = 0.98
_PAIRS_AT_ONCE = 20_000


def rows_per_band(threshold: float) -> int:
    """The longest band, dividing 64, that still finds 98 % of the pairs whose Jaccard is just `threshold`.

    A pair of Jaccard j lands in one bucket at least once with probability 1 - (1 - j**rows) ** (64 / rows): at the
    default of 0.8, bands of 4 find 99.98 %, and 87 % of the pairs at 0.6 are looked at too (and then refused).
    """
    fits = [r for r in (1, 2, 4, 8, 16, 32, 64) if 1 - (1 - threshold**r) ** (SIGNATURE // r) >= _WANTED_RECALL]
    return max(fits, default=1)


@dataclass(frozen=True)
class Signatures:
    """MinHash signatures of n texts: `bands` uint32 [64 / rows, n], one hash a band; `sketches` uint8 [n, 64], one byte
    of each of the 64 minima (b-bit minwise hashing; Li and Koenig, 2010).

    Texts of Jaccard j agree in a band with probability j**rows, and in a byte with probability j + (1 - j) / 256.
    """

    bands: NDArray[np.uint32]
    sketches: NDArray[np.uint8]

    @staticmethod
    def joined(blocks: Sequence[Signatures]) -> Signatures:
        """The signatures of all blocks of texts, in order."""
        bands = np.concatenate([block.bands for block in blocks], axis=1)
        return Signatures(bands, np.concatenate([block.sketches for block in blocks]))


def signatures(pairs: WordPairs, rows: int) -> Signatures:
    """Signatures of sets of word pairs, with `rows` minima a band."""
    texts = len(pairs.words)
    bands = np.zeros((SIGNATURE // rows, texts), np.uint32)
    sketches = np.empty((texts, SIGNATURE), np.uint8)
    if not texts:
        return Signatures(bands, sketches)
    hashes, starts = pairs.hashes.astype(np.uint32), pairs.starts[:-1]
    turns, factors = _permutations()
    for k in range(SIGNATURE):
        smallest = np.minimum.reduceat((hashes ^ turns[k]) * factors[k], starts)
        sketches[:, k] = smallest & np.uint32(0xFF)
        key = (bands[k // rows] ^ smallest) * np.uint32(0x9E3779B1)
        bands[k // rows] = key ^ (key >> np.uint32(15))
    return Signatures(bands, sketches)


def clearly_apart(
    sketches: NDArray[np.uint8], left: NDArray[np.int64], right: NDArray[np.int64], threshold: float
) -> NDArray[np.bool_]:
    """Which pairs of texts agree in so few bytes that their Jaccard is surely under `threshold`: bool [len(left)].

    "Surely" is four standard deviations: of pairs just at the threshold, 1 in 10,000 is thrown out.
    """
    deviation = (threshold * (1 - threshold) / SIGNATURE) ** 0.5
    least = int(SIGNATURE * (threshold - 4 * deviation))
    apart = np.zeros(len(left), bool)
    for begin in range(0, len(left), _PAIRS_AT_ONCE):
        chunk = slice(begin, begin + _PAIRS_AT_ONCE)
        same = sketches[left[chunk]] == sketches[right[chunk]]
        apart[chunk] = np.count_nonzero(same, axis=1) < least
    return apart


@cache
def _permutations() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Numbers that define 64 permutations of 32-bit hashes: turn some bits, multiply by an odd number."""
    drawn = np.random.default_rng(19_970_611)
    turns = drawn.integers(0, 2**32, SIGNATURE, dtype=np.uint32)
    return turns, drawn.integers(0, 2**32, SIGNATURE, dtype=np.uint32) | np.uint32(1)
