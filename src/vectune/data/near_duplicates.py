"""Near-duplicates: texts whose sets of word pairs are nearly the same, found by MinHash and then counted exactly.

The similarity of two texts is the Jaccard index of their sets of word pairs (neighbouring words of the normalised text,
with a mark before the first and after the last). Candidates share a band of their MinHash signatures; every candidate
is then compared exactly, so no pair below the threshold is ever given. Of pairs just at a threshold of 0.8, 99.98 % are
candidates. Buckets of thousands of unlike texts, as templates make them, are not searched to the end: there more pairs
can be missed, and the number of such texts is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vectune.data.disjoint_sets import DisjointSets
from vectune.data.minhash import Signatures, clearly_apart, rows_per_band, signatures
from vectune.data.normal import normal
from vectune.data.pair_store import PairStore
from vectune.data.word_hashes import in_parts, word_pairs

_BLOCK = 4096
_MOST_COMPARED = 1_000_000
_FEWEST_COMPARED = 64
_TEXTS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Links:
    """Pairs of near-duplicates, left[i] < right[i], and their Jaccard: int64, int64 and float64 [links].

    They form a forest: every text of a cluster is reached, but not every pair of it is listed. `unfinished` texts were
    not compared with all that look like them, since too many do.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    jaccard: NDArray[np.float64]
    unfinished: int = 0

    def __len__(self) -> int:
        return len(self.left)


@dataclass(frozen=True)
class Matches:
    """A near-duplicate of each text asked about, by its number, or -1: int64 [n]. Of `unfinished` texts none was found,
    and not all that look like them were compared."""

    found: NDArray[np.int64]
    unfinished: int = 0


def near_duplicate_pairs(texts: Sequence[str], threshold: float) -> list[tuple[int, int, float]]:
    """Pairs (i, j, Jaccard) with i < j of texts whose Jaccard is `threshold` or more, at most one a text less one.

    A cluster of n texts gives n - 1 pairs, most of them with its first member. Texts without a word have no duplicate.
    """
    with NearDuplicates(threshold) as index:
        for begin in range(0, len(texts), _BLOCK):
            index.add([normal(text) for text in texts[begin : begin + _BLOCK]])
        links = index.links()
    found = zip(links.left.tolist(), links.right.tolist(), links.jaccard.tolist(), strict=True)
    return sorted(found)


def near_duplicates_between(texts: Sequence[str], others: Sequence[str], threshold: float) -> Matches:
    """For each of `texts` a near-duplicate among `others`, as its index there."""
    with NearDuplicates(threshold) as index:
        for side in (others, texts):
            for begin in range(0, len(side), _BLOCK):
                index.add([normal(text) for text in side[begin : begin + _BLOCK]])
        return index.matches(np.arange(len(others), len(others) + len(texts)), np.arange(len(others)))


class NearDuplicates:
    """The near-duplicates of a stream of texts; 140 bytes stay of each, and its word pairs, or those go to `folder`.

    Numbers of texts count from 0 in the order of adding. About `most_compared` pairs are compared in each band of the
    signatures. Use as a context manager, or call `close`.
    """

    def __init__(self, threshold: float, folder: Path | None = None, most_compared: int = _MOST_COMPARED) -> None:
        self._threshold = threshold
        self._most_compared = most_compared
        self._rows = rows_per_band(threshold)
        self._store = PairStore(folder)
        self._signatures: list[Signatures] = []
        self._words: list[NDArray[np.int64]] = []

    def __enter__(self) -> NearDuplicates:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give memory and file back."""
        self._store.close()

    def add(self, texts: Sequence[str]) -> None:
        """Add a block of normalised texts (a few thousand at once is fastest; long ones are hashed part by part)."""
        for part in in_parts(texts):
            pairs = word_pairs(part)
            self._store.add(pairs)
            self._signatures.append(signatures(pairs, self._rows))
            self._words.append(pairs.words)

    def words(self) -> NDArray[np.int64]:
        """Words of each text: int64 [n]."""
        return np.concatenate(self._words) if self._words else np.zeros(0, np.int64)

    def links(self, among: NDArray[np.int64] | None = None) -> Links:
        """Near-duplicates among all texts, or among those numbered in `among` (ascending)."""
        words = self.words()
        chosen = np.arange(len(words)) if among is None else among
        chosen = chosen[words[chosen] > 0]
        sets = DisjointSets(len(words))
        found, unfinished = [_NO_LINKS], np.zeros(len(words), bool)
        for band in range(self._bands()):
            members, buckets = _buckets(self._band(band)[chosen], chosen)
            links, left_over = self._links_in(members, buckets, sets)
            found += links
            unfinished[left_over] = True
        left, right = (np.concatenate([getattr(part, name) for part in found]) for name in ("left", "right"))
        return Links(left, right, np.concatenate([part.jaccard for part in found]), int(unfinished.sum()))

    def matches(self, texts: NDArray[np.int64], others: NDArray[np.int64]) -> Matches:
        """For each text numbered in `texts` a near-duplicate numbered in `others`."""
        words = self.words()
        match, cut = np.full(len(texts), -1, np.int64), np.zeros(len(texts), bool)
        others = others[words[others] > 0]
        for band in range(self._bands()):
            keys = self._band(band)
            ordered = others[np.argsort(keys[others], kind="stable")]
            unmatched = np.flatnonzero((match < 0) & (words[texts] > 0))
            for begin in range(0, len(unmatched), _TEXTS_AT_ONCE):
                places = unmatched[begin : begin + _TEXTS_AT_ONCE]
                lowest = np.searchsorted(keys[ordered], keys[texts[places]], "left")
                highest = np.searchsorted(keys[ordered], keys[texts[places]], "right")
                most = max(_FEWEST_COMPARED, self._most_compared // len(places))
                number = np.minimum(highest - lowest, most)
                cut[places] |= highest - lowest > most
                candidates = ordered[np.repeat(lowest, number) + _within_runs(number)]
                asking = np.repeat(places, number)
                near = np.flatnonzero(self._similarity(candidates, texts[asking]) >= self._threshold)
                match[asking[near]] = candidates[near]
        return Matches(match, int((cut & (match < 0)).sum()))

    def _links_in(
        self, members: NDArray[np.int64], buckets: NDArray[np.int64], sets: DisjointSets
    ) -> tuple[list[Links], NDArray[np.int64]]:
        """New links inside the buckets of one band, and the texts left over when enough pairs were compared.

        Buckets too large for all pairs elect leaders: their first members are compared with the others, who leave the
        bucket with the leader when they are near.
        """
        found = []
        compared = 0
        budget = max(self._most_compared, 2 * len(members))
        while len(members) and compared < budget:
            exhaustive = _number_of_pairs(buckets) <= self._most_compared
            left, right = _all_pairs(buckets) if exhaustive else _leaders(buckets)
            compared += len(left)
            apart = sets.roots()[members[left]] != sets.roots()[members[right]]
            asked, others = left[apart], right[apart]
            similar = self._similarity(members[asked], members[others])
            near = similar >= self._threshold
            found.append(_joined(sets, members[asked[near]], members[others[near]], similar[near]))
            if exhaustive:
                return found, members[:0]
            members, buckets = _with_company(members, buckets, others[~near])
        return found, members

    def _similarity(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
        """Exact Jaccard, or 0 where the sizes or the signatures rule the threshold out."""
        sizes = self._store.sizes()
        small, large = np.minimum(sizes[left], sizes[right]), np.maximum(sizes[left], sizes[right])
        possible = np.flatnonzero(small >= self._threshold * large)
        apart = clearly_apart(self._all_signatures().sketches, left[possible], right[possible], self._threshold)
        possible = possible[~apart]
        similar = np.zeros(len(left))
        similar[possible] = self._store.jaccard(left[possible], right[possible])
        return similar

    def _bands(self) -> int:
        return len(self._signatures[0].bands) if self._signatures else 0

    def _band(self, band: int) -> NDArray[np.uint32]:
        return np.asarray(self._all_signatures().bands[band], dtype=np.uint32)

    def _all_signatures(self) -> Signatures:
        if len(self._signatures) > 1:
            self._signatures = [Signatures.joined(self._signatures)]
        return self._signatures[0]


_NO_LINKS = Links(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def _buckets(keys: NDArray[np.uint32], texts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Texts that share a key with another, bucket after bucket, ascending inside; and the bucket of each."""
    order = np.argsort(keys, kind="stable")
    changes = np.diff(keys[order], prepend=keys[order[:1]]) != 0
    return _with_company(texts[order], np.cumsum(changes), np.arange(len(texts)))


def _with_company(
    members: NDArray[np.int64], buckets: NDArray[np.int64], kept: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The kept members, without those that are alone in their bucket now."""
    members, buckets = members[kept], buckets[kept]
    same = buckets[1:] == buckets[:-1]
    alone = ~(np.concatenate(([False], same)) | np.concatenate((same, [False])))[: len(buckets)]
    return members[~alone], buckets[~alone]


def _number_of_pairs(buckets: NDArray[np.int64]) -> int:
    _, sizes = np.unique(buckets, return_counts=True)
    return int((sizes * (sizes - 1) // 2).sum())


def _all_pairs(buckets: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of all pairs inside buckets (`buckets` ascending, the bucket of each place)."""
    places = np.arange(len(buckets))
    following = np.searchsorted(buckets, buckets, "right") - 1 - places
    left = np.repeat(places, following)
    return left, left + 1 + _within_runs(following)


def _leaders(buckets: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The place of each bucket's first member beside the place of each other member of it."""
    first = np.searchsorted(buckets, buckets, "left")
    others = np.flatnonzero(first != np.arange(len(buckets)))
    return first[others], others


def _within_runs(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, ... for each run in turn: lengths (2, 3) give 0 1 0 1 2."""
    ends = np.cumsum(lengths)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)


def _joined(
    sets: DisjointSets, left: NDArray[np.int64], right: NDArray[np.int64], similar: NDArray[np.float64]
) -> Links:
    """Join the pairs, and give back those that joined two sets."""
    fresh = np.array([sets.join(a, b) for a, b in zip(left.tolist(), right.tolist(), strict=True)], dtype=bool)
    left, right = left[fresh], right[fresh]
    return Links(np.minimum(left, right), np.maximum(left, right), similar[fresh])
