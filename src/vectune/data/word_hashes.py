"""Texts to sets of hashed word pairs, a whole block of texts at once in numpy."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

CHARACTERS_AT_ONCE = 4_000_000
SEPARATOR, IN_WORD, ALONE = 0, 1, 2
_SENTENCE_MARKS = frozenset(".,;:!?¡¿\"'`´‘’“”„«»‹›()[]{}…。、，；：！？「」『』（）【】《》〈〉")
_KNOWN = 0x40000
_START, _END = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_WITHIN_WORD = 64
_DRAWN = np.random.default_rng(20_240_607)
_PLACE = _DRAWN.integers(1, 2**63, _WITHIN_WORD, dtype=np.uint64) | np.uint64(1)
_LEFT, _RIGHT = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)


@dataclass(frozen=True)
class WordPairs:
    """Sets of word pairs of n texts: text i has `hashes[starts[i]:starts[i + 1]]`, ascending and without repeats.

    `hashes` is int32 [pairs] in 0..2**31-1; `starts` is int64 [n + 1]; `words` is int64 [n], the words of each text. A
    text without words has one pair (start, end) and `words` 0.
    """

    hashes: NDArray[np.int32]
    starts: NDArray[np.int64]
    words: NDArray[np.int64]


def in_parts(texts: Sequence[str], characters: int = CHARACTERS_AT_ONCE) -> Iterator[Sequence[str]]:
    """The texts in runs of about so many characters, a longer text by itself: hashing takes about 40 bytes for each."""
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
    cuts = np.flatnonzero(np.diff(ends // characters)) + 1
    for begin, end in pairwise((0, *cuts.tolist(), len(texts))):
        yield texts[begin:end]


def word_pairs(texts: Sequence[str]) -> WordPairs:
    """The word pairs of normalised texts, the marks "start" and "end" counting as words.

    A word is a run of letters, digits and their combining marks. A Chinese, Japanese or Korean character and a symbol
    (`+`, `-`, `#`, an emoji) is a word of its own. White space, control characters and the marks that end or quote
    sentences part words and are nothing themselves, so `What is C++?` has the words what, is, c, +, +.
    """
    if not texts:
        return WordPairs(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int64))
    words, counts = _word_hashes(texts)
    pairs, owner = _neighbours(words, counts)
    keyed = np.sort((owner.astype(np.uint64) << np.uint64(31)) | (pairs >> np.uint64(33)))
    keyed = keyed[np.concatenate(([True], keyed[1:] != keyed[:-1]))]
    sizes = np.bincount((keyed >> np.uint64(31)).astype(np.int64), minlength=len(texts))
    starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    return WordPairs((keyed & np.uint64(0x7FFFFFFF)).astype(np.int32), starts, counts)


def _word_hashes(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """A 64-bit hash of each word in turn, and how many words each text has."""
    lines = "\n".join([text.replace("\n", " ") for text in texts]) + "\n"
    points = np.frombuffer(lines.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    kinds = _character_kinds()[np.minimum(points, _KNOWN - 1)]
    before = np.concatenate((np.zeros(1, np.uint8), kinds[:-1]))
    starts = np.flatnonzero((kinds == ALONE) | ((kinds == IN_WORD) & (before != IN_WORD)))
    ends_of_texts = np.flatnonzero(points == ord("\n"))
    counts = np.diff(np.searchsorted(starts, ends_of_texts), prepend=0).astype(np.int64)
    if not len(starts):
        return np.zeros(0, np.uint64), counts
    tail, kinds = points[starts[0] :], kinds[starts[0] :]
    starts = starts - starts[0]
    place = np.arange(len(tail)) - np.repeat(starts, np.diff(starts, append=len(tail)))
    values = (tail.astype(np.uint64) + np.uint64(1)) * _PLACE[place % _WITHIN_WORD]
    values[kinds == SEPARATOR] = 0
    return _mix(np.add.reduceat(values, starts)), counts


def _neighbours(words: NDArray[np.uint64], counts: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hashes of all pairs of neighbouring words, start and end included, and the text each belongs to."""
    sizes = counts + 2
    ends = np.cumsum(sizes)
    framed = np.empty(int(ends[-1]), np.uint64)
    inner = np.ones(len(framed), bool)
    inner[ends - sizes] = inner[ends - 1] = False
    framed[ends - sizes], framed[ends - 1], framed[inner] = _START, _END, words
    leads = np.ones(len(framed), bool)
    leads[ends - 1] = False
    at = np.flatnonzero(leads)
    owner = np.repeat(np.arange(len(counts)), sizes - 1)
    return _mix(framed[at] * _LEFT + framed[at + 1] * _RIGHT), owner


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every input bit over the high bits (the finishing step of MurmurHash3, 64 bits)."""
    values = (values ^ (values >> np.uint64(33))) * _LEFT
    values = (values ^ (values >> np.uint64(33))) * _RIGHT
    return np.asarray(values ^ (values >> np.uint64(33)), dtype=np.uint64)


@cache
def _character_kinds() -> NDArray[np.uint8]:
    """What each code point is to a word: uint8 [_KNOWN]; the private and unassigned planes above count as letters."""
    return np.fromiter((_kind(chr(point)) for point in range(_KNOWN)), dtype=np.uint8, count=_KNOWN)


def _kind(character: str) -> int:
    if character in _SENTENCE_MARKS or character.isspace():
        return SEPARATOR
    category = unicodedata.category(character)
    if category in ("Cc", "Zs", "Zl", "Zp"):
        return SEPARATOR
    if _is_written_without_spaces(ord(character)):
        return ALONE
    return IN_WORD if category[0] in "LMNC" else ALONE


def _is_written_without_spaces(point: int) -> bool:
    """Han characters, kana and Hangul syllables; blocks of the Unicode standard."""
    return (
        0x3040 <= point <= 0x30FF
        or 0x31F0 <= point <= 0x31FF
        or 0x3400 <= point <= 0x4DBF
        or 0x4E00 <= point <= 0x9FFF
        or 0xAC00 <= point <= 0xD7A3
        or 0xF900 <= point <= 0xFAFF
        or 0x20000 <= point <= 0x3FFFF
    )
