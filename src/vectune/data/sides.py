"""One side of a data set (its queries, its documents...) as arrays: a key a text, who it belongs to, its word pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vectune.data.languages import SHORTEST
from vectune.data.near_duplicates import Links, NearDuplicates
from vectune.data.normal import normal, text_key
from vectune.data.text_sample import TextSample
from vectune.data.word_hashes import in_parts

_TOKEN_SAMPLE = 2_000
_LANGUAGE_SAMPLE = 1_000


def language_sample() -> TextSample:
    """The sample that languages are told from."""
    return TextSample(_LANGUAGE_SAMPLE, SHORTEST)


class Side:
    """The texts of one side while they stream by; about 100 bytes stay of each. Call `close` at the end."""

    def __init__(self, name: str, near_duplicate: float, languages: TextSample, folder: Path | None = None) -> None:
        self.name = name
        self.sample = TextSample(_TOKEN_SAMPLE)
        self._languages = languages
        self._near = NearDuplicates(near_duplicate, folder)
        self._keys: list[NDArray[np.uint64]] = []
        self._owners: list[NDArray[np.int64]] = []

    def add(self, texts: Sequence[str], owners: Sequence[int]) -> NDArray[np.uint64]:
        """Take in a block of texts, each with the number of the row it belongs to; gives back their keys."""
        keys = np.fromiter(map(text_key, texts), np.uint64, len(texts))
        self._keys.append(keys)
        self._owners.append(np.array(owners, np.int64))
        for part in in_parts(texts):
            self._near.add([normal(text) for text in part])
        self.sample.add(texts, keys)
        self._languages.add(texts, keys)
        return keys

    def keys(self) -> NDArray[np.uint64]:
        """64-bit hash of each normalised text: uint64 [n]."""
        return np.concatenate([*self._keys, np.zeros(0, np.uint64)])

    def owners(self) -> NDArray[np.int64]:
        """The row that each text belongs to: int64 [n]."""
        return np.concatenate([*self._owners, np.zeros(0, np.int64)])

    def words(self) -> NDArray[np.int64]:
        """Words of each text: int64 [n]."""
        return self._near.words()

    def near_duplicates(self, kept: NDArray[np.bool_]) -> Links:
        """Links between distinct texts of kept rows (`kept` bool [n], by text), by number of their first occurrence."""
        return self._near.links(self.distinct(kept))

    def distinct(self, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Numbers of the first occurrences of each kept text, ascending."""
        places = np.flatnonzero(kept)
        _, first = np.unique(self.keys()[places], return_index=True)
        return np.sort(places[first])

    def close(self) -> None:
        """Give memory and files back."""
        self._near.close()
